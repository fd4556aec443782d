"""`csv`: text files with delimited values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import DataSource
from ..tables import TableSource

if TYPE_CHECKING:
    from ..table_files import TableFile

_MISSING_TEXT = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")


@DataSource.registry.register("csv")
@dataclass(frozen=True, kw_only=True)
class Csv(TableSource):
    """Tables in text files: comma-separated values, TSV and their relatives, read into memory through pyarrow.

    The columns are those that the inputs and targets name (or `data.columns` gives them); others are left alone.
    Numbers become int64 or float64, `true` and `false` booleans, anything else text. A byte-order mark and empty lines
    are skipped; values in quotation marks may hold delimiters and line ends. Paths are relative to the spec's folder.
    Larger files than memory belong into Parquet. Needs `netwright[data]`.
    """

    example: ClassVar[str] = """
csv:
  path: passengers.csv
  missing: {age: mean, deck: drop}
  categories: [deck, sex]
"""
    delimiter: str | None = spec_field(
        "Between values (default: a tab for `.tsv` and `.tab`, else a comma).", default=None
    )
    encoding: str = spec_field("How text is stored: utf-8, latin-1, cp1252, utf-16 …", default="utf-8")
    names: tuple[str, ...] | None = spec_field(
        "Column names, for a file whose first line has none.", default=None, min_items=1
    )
    missing_text: tuple[str, ...] = spec_field(
        "What stands for a missing value, when it is not quoted.", default=_MISSING_TEXT
    )
    decimal_point: str = spec_field("In numbers: a point, or a comma.", default=".")

    def open_file(self, path: Path) -> TableFile:
        from ..table_files import CsvFormat, CsvTable

        delimiter = self.delimiter
        if delimiter is None:
            delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
        for field, value in (("delimiter", delimiter), ("decimal_point", self.decimal_point)):
            if len(value) != 1 or not value.isascii():
                raise UserError(f"data source 'csv': {field} must be one ASCII character, received {value!r}")
        form = CsvFormat(delimiter, self.encoding, self.names, self.missing_text, self.decimal_point)
        return CsvTable(path, form)

    def streams(self, file: TableFile, columns: object) -> bool:
        """Never: text has no blocks that can be found without reading all before them."""
        return False
