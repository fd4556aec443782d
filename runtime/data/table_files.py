"""Parquet, Arrow and CSV files as blocks of rows, with errors that say what is wrong with the file."""

from __future__ import annotations

import codecs
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import UserError
from .files import open_bytes
from .optional import require_package
from .wording import count_text, listing


class TableFile(Protocol):
    """A file of columns that is read block by block."""

    path: Path
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    """Rows of each block."""

    @abstractmethod
    def read(self, block: int, columns: Sequence[str]) -> Any:
        """A pyarrow table with the columns of one block."""

    @abstractmethod
    def stored_bytes(self, columns: Sequence[str]) -> int:
        """About how much memory the largest block takes with these columns."""


class ParquetTable:
    """A Parquet file; its blocks are the row groups."""

    def __init__(self, path: Path) -> None:
        parquet = require_package("pyarrow.parquet", "pyarrow", "data source 'parquet'")
        self.path = path
        with open_bytes(path):
            pass
        self._open = lambda: parquet.ParquetFile(path, memory_map=False, pre_buffer=False)
        self._file = _guard(path, "Parquet", self._open)
        self._metadata = self._file.metadata
        self.names = _unique_names(path, self._file.schema_arrow.names)
        groups = range(self._metadata.num_row_groups)
        self.sizes = tuple(self._metadata.row_group(group).num_rows for group in groups)

    def read(self, block: int, columns: Sequence[str]) -> Any:
        return _guard(
            self.path, "Parquet", lambda: self._file.read_row_group(block, columns=list(columns), use_threads=False)
        )

    def stored_bytes(self, columns: Sequence[str]) -> int:
        largest = 0
        for group in range(len(self.sizes)):
            parts = self._metadata.row_group(group)
            chunks = [parts.column(index) for index in range(parts.num_columns)]
            used = [chunk for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns]
            sizes = [max(chunk.total_uncompressed_size, 8 * chunk.num_values) for chunk in used]
            largest = max(largest, sum(sizes))
        return largest


class ArrowTable:
    """An Arrow file (also called Feather): its blocks are the record batches. A stream is read as a whole."""

    def __init__(self, path: Path) -> None:
        pa = require_package("pyarrow", "pyarrow", "data source 'arrow'")
        self._ipc = require_package("pyarrow.ipc", "pyarrow", "data source 'arrow'")
        self.path = path
        with open_bytes(path) as stream:
            start = stream.read(6)
        self._whole = None
        if start == b"ARROW1":
            self._file = _guard(path, "Arrow", lambda: self._ipc.open_file(pa.OSFile(str(path))))
            self._bytes = path.stat().st_size
            self.names = _unique_names(path, self._file.schema.names)
            batches = range(self._file.num_record_batches)
            rows = [_guard(path, "Arrow", lambda at=at: self._file.get_batch(at).num_rows) for at in batches]
            self._batches = [index for index, count in enumerate(rows) if count]
            self.sizes = tuple(count for count in rows if count)
        else:
            self._whole = _guard(path, "Arrow", lambda: self._ipc.open_stream(pa.OSFile(str(path))).read_all())
            self.names = _unique_names(path, self._whole.schema.names)
            self.sizes = (self._whole.num_rows,) if self._whole.num_rows else ()

    def read(self, block: int, columns: Sequence[str]) -> Any:
        if self._whole is not None:
            return self._whole.select(list(columns))
        pa = require_package("pyarrow", "pyarrow", "data source 'arrow'")
        batch = _guard(self.path, "Arrow", lambda: self._file.get_batch(self._batches[block]))
        return pa.Table.from_batches([batch]).select(list(columns))

    def stored_bytes(self, columns: Sequence[str]) -> int:
        if self._whole is not None:
            return int(self._whole.nbytes)
        return max((int(self.read(block, columns).nbytes) for block in range(min(len(self.sizes), 3))), default=0)


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written. `names` None: the first line has them."""

    delimiter: str
    encoding: str = "utf-8"
    names: tuple[str, ...] | None = None
    missing_text: tuple[str, ...] = ("",)
    decimal_point: str = "."


class CsvTable:
    """A CSV file, read into memory as one block. Quoted values may hold delimiters and line ends; a BOM is skipped."""

    def __init__(self, path: Path, form: CsvFormat) -> None:
        require_package("pyarrow.csv", "pyarrow", "data source 'csv'")
        self.path = path
        self._table = _read_csv(path, form)
        self.names = _unique_names(path, self._table.column_names)
        self.sizes: tuple[int, ...] = (self._table.num_rows,) if self._table.num_rows else ()
        if len(self.names) == 1 and form.delimiter not in self.names[0]:
            other = next((mark for mark in ";\t|," if mark in self.names[0]), None)
            if other is not None:
                raise UserError(
                    f"{path}: has one column, {self.names[0]!r}",
                    f"is the delimiter {other!r}? say so with `delimiter`",
                )

    def read(self, block: int, columns: Sequence[str]) -> Any:
        del block
        return self._table.select(list(columns))

    def stored_bytes(self, columns: Sequence[str]) -> int:
        return int(self._table.select(list(columns)).nbytes)


def _read_csv(path: Path, form: CsvFormat) -> Any:
    pa = require_package("pyarrow", "pyarrow", "data source 'csv'")
    csv = require_package("pyarrow.csv", "pyarrow", "data source 'csv'")
    _check_encoding(path, form.encoding)
    wrong: list[Any] = []

    def remember(row: Any) -> str:
        wrong.append(row)
        return "error"

    encoding = "utf-8" if _is_utf8(form.encoding) else form.encoding
    try:
        return csv.read_csv(
            str(path),
            # One thread, because only then are faulty rows numbered.
            read_options=csv.ReadOptions(column_names=form.names, encoding=encoding, use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=remember
            ),
            convert_options=csv.ConvertOptions(
                null_values=list(form.missing_text),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                decimal_point=form.decimal_point,
            ),
        )
    except pa.ArrowInvalid as error:
        if wrong:
            row = wrong[0]
            place = f", record {row.number}" if row.number is not None else ""
            raise UserError(
                f"{path}{place}: has {count_text(row.actual_columns, 'value')}, but there are"
                f" {count_text(row.expected_columns, 'column')}: {row.text[:60]!r}",
                "a value that holds the delimiter or a line end must be in quotation marks",
            ) from None
        raise UserError(f"{path}: {_reason(error)}") from None


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _check_encoding(path: Path, encoding: str) -> None:
    """Decode the file once: what pyarrow says about bytes it cannot decode does not say where they are."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise UserError(
            f"{path}: there is no encoding '{encoding}'", "there is utf-8, latin-1, cp1252, utf-16 …"
        ) from None
    with open_bytes(path) as stream:
        line, at = 1, 0
        while True:
            chunk = stream.read(1 << 20)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise UserError(
                    f"{path}, line {line}: is not {encoding}: byte 0x{error.object[error.start]:02x}",
                    "say how it is encoded, for example `encoding: latin-1`",
                ) from None
            if not chunk:
                if at == 0:
                    raise UserError(f"{path}: is empty")
                return
            at += len(chunk)
            line += chunk.count(b"\n")


def _unique_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise UserError(f"{path}: two columns are called {listing(twice[:1])}", "give every column a name of its own")
    return tuple(names)


def _guard(path: Path, form: str, work: Any) -> Any:
    """The result of `work`. Raises UserError when pyarrow finds that the file is not what it should be."""
    pa = require_package("pyarrow", "pyarrow", f"data source '{form.lower()}'")
    try:
        return work()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: is damaged, or no {form} file: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
