"""Data that a program brings: arrays, or a function that makes batches. `train(…, partitions=…)` takes the result.

    partitions = from_arrays({"image": images, "label": labels}, split={"validation": 0.1, "stratify": "label"})
    train("digits.bundle", "runs/digits", partitions=partitions)

Columns are called like the features and targets of the bundle. Dtypes and shapes are checked and cast there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .columns import Array, ArrayColumns, Columns
from .plan import Partitions, split_arrays
from .streams import BatchStream, MakeBatches
from .wording import alternatives

Arrays = Mapping[str, npt.ArrayLike]
_SPLIT_KEYS = ("validation", "test", "seed", "stratify")


def from_arrays(
    train: Arrays,
    validation: Arrays | None = None,
    test: Arrays | None = None,
    *,
    split: Mapping[str, Any] | None = None,
) -> Partitions:
    """Partitions of arrays (or nested lists), one for each column, the first axis counting rows.

    split: fractions of the training rows to set apart, as in a spec: `validation`, `test`, `seed`, `stratify`.
    Raises UserError when columns differ in length, are empty, or the split cannot be made.
    """
    given = {"train": train, "validation": validation, "test": test}
    parts = {part: _columns(arrays, f"the {part} data") for part, arrays in given.items() if arrays is not None}
    for key in split or {}:
        if key not in _SPLIT_KEYS:
            raise UserError(f"split has no key '{key}'", alternatives(key, _SPLIT_KEYS))
    return split_arrays(parts, split or {})


def from_callable(
    make: MakeBatches,
    rows: int,
    *,
    validation: Arrays | Columns | None = None,
    test: Arrays | Columns | None = None,
) -> Partitions:
    """Training data that `make(epoch)` yields batch by batch, `rows` rows in each epoch, in the order to train in.

    Batches may have any sizes; they are cut and joined to the plan's. For a run to repeat and resume, the batches must
    be a function of the epoch's number. `make` is called from a background thread.
    Raises UserError when `make` gives something else than batches of equal columns, or another number of rows.
    """
    return Partitions(BatchStream(make, rows), _judging(validation, "validation"), _judging(test, "test"))


def _judging(data: Arrays | Columns | None, part: str) -> Columns | None:
    return _columns(data, f"the {part} data") if isinstance(data, Mapping) else data


def _columns(arrays: Arrays, where: str) -> ArrayColumns:
    return ArrayColumns({name: _array(values, f"{where}, column '{name}'") for name, values in arrays.items()}, where)


def _array(values: npt.ArrayLike, where: str) -> Array:
    """An array; Python strings become text. Raises UserError for rows that differ in shape."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise UserError(f"{where}: its rows differ in shape", "every row of a column has the same shape") from None
    if array.dtype.kind == "U" or (array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat)):
        return array.astype(np.dtypes.StringDType())
    return array
