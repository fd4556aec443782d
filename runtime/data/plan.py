"""From a manifest's data plan to partitions whose columns are exactly what the graphs take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .columns import Array, ArrayColumns, Batch, Columns, Subset, count_classes
from .conform import Field, conform
from .source import Dataset, build_source
from .split import part_sizes, split_rows
from .wording import alternatives, count_text, listing

_PARTS = ("validation", "test")


@dataclass(frozen=True)
class Partitions:
    """Columns by the names of the graphs' features and targets, with their dtypes and shapes. Absent parts are None."""

    train: Columns
    validation: Columns | None
    test: Columns | None

    def rows(self) -> dict[str, int]:
        """Number of rows of each partition that exists."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: columns.rows for name, columns in parts.items() if columns is not None}


def load_partitions(
    data: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    base: Path,
) -> Partitions:
    """Load, check and split what a manifest's `data`, `features` and `targets` describe.

    A partition the source brings is used as it is; `data.split` (validation, test, seed, stratify) takes the others
    from the training rows. Relative paths in the source start at `base`.

    Raises UserError with every problem found: missing columns, bad values, a split that cannot be made.
    """
    fields = [Field.from_manifest(entry) for entry in (*features, *targets)]
    source = build_source(data["source"])
    dataset = source.load(base)
    parts = _conform_all(dataset, fields, f"data source '{source.kind}'")
    return _split(parts, data.get("split") or {}, source.kind)


def training_rows(data: Mapping[str, Any], base: Path) -> int:
    """How many rows `load_partitions` would leave to train on; for schedules, which count steps before data is loaded.

    Raises UserError when the source cannot be described or the split cannot be made.
    """
    rows = build_source(data["source"]).describe(base).rows
    split = data.get("split") or {}
    fractions = [float(split.get(part) or 0) for part in _PARTS if part not in rows]
    return rows["train"] - sum(part_sizes(rows["train"], fractions))


def _conform_all(dataset: Dataset, fields: Sequence[Field], where: str) -> dict[str, Columns]:
    """Every partition with the fields' names, dtypes and shapes; all problems in one UserError."""
    problems: list[UserError] = []
    partitions: dict[str, Columns] = {}
    named = dataset.partitions()
    for part, columns in named.items():
        place = f"{where}, {part} data" if len(named) > 1 else where
        arrays = {}
        stored = columns.take(slice(None))
        for field in fields:
            try:
                arrays[field.name] = _column(stored, field, place)
            except UserError as error:
                problems.append(error)
        if not problems:
            partitions[part] = ArrayColumns(arrays, place)
    if problems:
        hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
        raise UserError("\n".join(problem.message for problem in problems), "\n".join(hints) or None)
    return partitions


def _column(stored: Batch, field: Field, where: str) -> Array:
    if field.column not in stored:
        raise UserError(
            f"{where}: there is no column '{field.column}' for '{field.name}'; the columns are {listing(list(stored))}",
            alternatives(field.column, list(stored)),
        )
    return conform(stored[field.column], field, f"{where}, column '{field.column}'")


def _split(parts: Mapping[str, Columns], split: Mapping[str, Any], kind: str) -> Partitions:
    train = parts["train"]
    fractions = {part: float(split.get(part) or 0) for part in _PARTS}
    for part in _PARTS:
        if part in parts and fractions[part]:
            raise UserError(
                f"data.split.{part} is {fractions[part]}, but data source '{kind}' brings its own {part} data"
                f" ({count_text(parts[part].rows, 'row')})",
                f"leave data.split.{part} out",
            )
    wanted = [part for part in _PARTS if fractions[part]]
    if not wanted:
        return Partitions(train, parts.get("validation"), parts.get("test"))
    stratify = split.get("stratify")
    labels = _labels(train, stratify) if stratify else None
    *taken, rest = split_rows(train.rows, [fractions[part] for part in wanted], int(split.get("seed") or 0), labels)
    found = {**parts, **{part: Subset(train, rows) for part, rows in zip(wanted, taken, strict=True)}}
    return Partitions(Subset(train, rest), found.get("validation"), found.get("test"))


def _labels(train: Columns, name: str) -> npt.NDArray[np.int64]:
    if name not in train.names:
        raise UserError(f"data.split.stratify: there is no feature or target '{name}'", alternatives(name, train.names))
    labels = train.take(slice(None))[name]
    if count_classes([labels]) is None:
        raise UserError(
            f"data.split.stratify: '{name}' is not a column of classes (dtype {labels.dtype},"
            f" row shape {list(labels.shape[1:])})",
            "stratify by a target of whole numbers from 0 on, or leave it out",
        )
    return labels.astype(np.int64, copy=False)
