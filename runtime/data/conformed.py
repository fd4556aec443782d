"""A source's columns under the names of the graphs' inputs, checked and cast: memory at once, files in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .blocks import Blocked
from .columns import Array, ArrayColumns, Batch, Columns, Rows, only
from .conform import Field, conform
from .problems import all_or_problems
from .streams import BatchStream
from .wording import alternatives, listing


@dataclass(frozen=True)
class Adapter:
    """What makes inputs of a source's columns. `where` starts each message; `means` fill NaN in columns of numbers."""

    fields: tuple[Field, ...]
    where: str
    means: Mapping[str, float]

    def __call__(self, stored: Batch, rows: Rows | None = None) -> Batch:
        """Every field's array. Raises one UserError with the problems of all."""
        return all_or_problems({field.name: partial(self._field, stored, field, rows) for field in self.fields})

    def check_names(self, names: Sequence[str]) -> None:
        """Raises UserError naming the fields whose columns are not there."""
        all_or_problems({field.name: partial(self._require, field, names) for field in self.fields})

    def _require(self, field: Field, names: Sequence[str]) -> None:
        for column in field.columns:
            if column not in names:
                raise UserError(
                    f"{self.where}: there is no column '{column}' for '{field.name}';"
                    f" the columns are {listing(list(names))}",
                    alternatives(column, list(names)),
                )

    def _field(self, stored: Batch, field: Field, rows: Rows | None) -> Array:
        self._require(field, list(stored))
        if isinstance(field.column, str):
            return conform(self._filled(stored, field.column), field, f"{self.where}, column '{field.column}'", rows)
        parts = []
        for column in field.columns:
            values = self._filled(stored, column)
            one = replace(field, shape=values.shape[1:])
            parts.append(conform(values, one, f"{self.where}, column '{column}'", rows).reshape(len(values), -1))
        vector = np.concatenate(parts, axis=1)
        return conform(vector, field, f"{self.where}, columns {listing(field.columns)} together", rows)

    def _filled(self, stored: Batch, column: str) -> Array:
        values = stored[column]
        return np.where(np.isnan(values), self.means[column], values) if column in self.means else values


class AdaptedColumns:
    """Columns that are checked and cast as they are taken."""

    def __init__(self, columns: Columns, adapter: Adapter) -> None:
        adapter.check_names(columns.names)
        self._columns = columns
        self._adapter = adapter

    @property
    def rows(self) -> int:
        return self._columns.rows

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self._adapter.fields)

    @property
    def row_bytes(self) -> int | None:
        return self._columns.row_bytes

    def take(self, rows: Rows) -> Batch:
        return self._adapter(self._columns.take(rows), rows)

    def only(self, names: Sequence[str]) -> AdaptedColumns:
        """The same rows of some columns."""
        fields = tuple(field for field in self._adapter.fields if field.name in names)
        needed = [column for field in fields for column in field.columns]
        return AdaptedColumns(only(self._columns, needed), replace(self._adapter, fields=fields))


class AdaptedBlocks(AdaptedColumns):
    """The same for blocked columns."""

    def __init__(self, columns: Blocked, adapter: Adapter) -> None:
        super().__init__(columns, adapter)
        self.block_starts: npt.NDArray[np.int64] = columns.block_starts
        self.window: int = columns.window


def adapt(columns: Columns, adapter: Adapter) -> Columns:
    """Columns as the graphs take them: arrays in memory are converted at once, others as they are taken.

    Raises UserError with every problem that shows already.
    """
    if isinstance(columns, ArrayColumns):
        return ArrayColumns(adapter(columns.take(slice(None))), adapter.where)
    if isinstance(columns, BatchStream):
        adapter.check_names(columns.names)
        return columns.adapted(adapter, [field.name for field in adapter.fields])
    return AdaptedBlocks(columns, adapter) if isinstance(columns, Blocked) else AdaptedColumns(columns, adapter)
