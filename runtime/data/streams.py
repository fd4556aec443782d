"""Training data that a function makes batch by batch, for what no file holds: simulations, databases, augmentation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from ..errors import UserError
from .columns import Array, Batch, Rows, check_lengths
from .wording import count_text, listing

MakeBatches = Callable[[int], Iterable[Mapping[str, Array]]]
"""The epoch's number, from 0 on -> its batches of any sizes: column name -> array with one row per example."""


class BatchStream:
    """Columns that a function gives in its own order, as often as it is asked.

    rows: in an epoch, which the function must give exactly. It is asked for the first batch at once, to know the names.
    """

    row_bytes = None

    def __init__(self, make: MakeBatches, rows: int, where: str = "the callable") -> None:
        if rows < 1:
            raise UserError(f"{where}: rows must be at least 1, received {rows}")
        self._make = make
        self._rows = rows
        self._where = where
        self._adapt: Callable[[Batch], Batch] | None = None
        self._names = tuple(next(self.batches(0)))

    def adapted(self, adapt: Callable[[Batch], Batch], names: Sequence[str]) -> BatchStream:
        """The same rows with each batch passed through a function that gives the columns `names`."""
        other = copy.copy(self)
        other._adapt, other._names = adapt, tuple(names)
        return other

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The epoch's batches as the function gives them.

        Raises UserError when it gives something else than batches of the same columns, or another number of rows.
        """
        given, names = 0, None
        for batch in self._make(epoch):
            if not isinstance(batch, Mapping):
                raise UserError(
                    f"{self._where}, epoch {epoch}: gave {type(batch).__name__}, not a batch",
                    "yield dictionaries: column name -> array",
                )
            arrays = {name: np.asarray(values) for name, values in batch.items()}
            where = f"{self._where}, epoch {epoch}, after {count_text(given, 'row')}"
            count = check_lengths({name: array.shape for name, array in arrays.items()}, where)
            if names is not None and tuple(arrays) != names:
                raise UserError(f"{where}: gave the columns {listing(list(arrays))}, before {listing(list(names))}")
            names = tuple(arrays)
            given += count
            if given > self._rows:
                raise self._wrong_count(epoch, f"gave more than the {count_text(self._rows, 'row')}")
            yield arrays if self._adapt is None else self._adapt(arrays)
        if given < self._rows:
            raise self._wrong_count(epoch, f"gave {count_text(given, 'row')} instead of the {self._rows:,}")

    def take(self, rows: Rows) -> Batch:
        """Rows of epoch 0. Costs as much as making the epoch."""
        whole = [dict(batch) for batch in self.batches(0)]
        return {name: np.concatenate([batch[name] for batch in whole])[rows] for name in self._names}

    def _wrong_count(self, epoch: int, what: str) -> UserError:
        return UserError(
            f"{self._where}, epoch {epoch}: {what} that were promised", "state with `rows` how many an epoch has"
        )


def resized(batches: Iterator[Batch], size: int, start_step: int, rows: int) -> Iterator[Batch]:
    """The same rows in batches of `size`, the last one smaller, without the first `start_step`."""
    held: list[Batch] = []
    count, given, step = 0, 0, 0
    for batch in batches:
        held.append(batch)
        count += len(next(iter(batch.values())))
        given += len(next(iter(batch.values())))
        if given == rows:
            next(batches, None)  # a function that goes on after the last row is told so
        while count >= size or (given == rows and count > 0):
            whole = {name: np.concatenate([part[name] for part in held]) for name in held[0]}
            if step >= start_step:
                yield {name: np.ascontiguousarray(values[:size]) for name, values in whole.items()}
            held = [{name: values[size:] for name, values in whole.items()}]
            count -= min(size, count)
            step += 1
