"""`table`: a few rows written in the spec itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from ..source import Dataset, DataSource

if TYPE_CHECKING:
    from ..columns import ArrayColumns

_COLUMNS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "array", "minItems": 1},
}


@DataSource.registry.register("table")
@dataclass(frozen=True, kw_only=True)
class Table(DataSource):
    """Rows written in the spec: for each column a list with one number, or nested list of numbers, per row.

    Whole numbers make an int64 column, numbers with a point a float64 one, true and false a boolean one.
    """

    example: ClassVar[str] = """
table:
  values:
    bits: [[0, 0], [0, 1], [1, 0], [1, 1]]
    answer: [0, 1, 1, 0]
"""
    values: dict[str, Any] = spec_field("Column name -> its rows, for training (or all rows).", schema=_COLUMNS)
    validation: dict[str, Any] | None = spec_field("Rows for validation.", default=None, schema=_COLUMNS)
    test: dict[str, Any] | None = spec_field("Rows for testing.", default=None, schema=_COLUMNS)

    def load(self, base: Path) -> Dataset:
        named = {"train": self.values, "validation": self.validation, "test": self.test}
        return Dataset.of({part: _columns(values, part) for part, values in named.items() if values is not None})


def _columns(values: dict[str, Any], part: str) -> ArrayColumns:
    from ..columns import ArrayColumns, array_of_rows

    where = f"data source 'table', {part}"
    return ArrayColumns(
        {name: array_of_rows(rows, f"{where}, column '{name}'") for name, rows in values.items()}, where
    )
