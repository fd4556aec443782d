"""`parquet`: columns in Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netwright.schema import spec_field

from ..source import DataSource
from ..tables import TableSource

if TYPE_CHECKING:
    from ..table_files import TableFile


@DataSource.registry.register("parquet")
@dataclass(frozen=True, kw_only=True)
class Parquet(TableSource):
    """Tables in Parquet files, read through pyarrow. A file too large for memory is read row group by row group.

    The columns are those that the inputs and targets name (or `data.columns` gives them); only they are read. Lists of
    numbers of equal length are vectors. Null and NaN are missing values. Paths are relative to the spec's folder.

    When reading block by block, memory holds about 64 MiB of blocks (row groups), or one if it is larger. Each epoch
    takes the blocks in a new order and mixes the rows of those that are in memory together; a split takes its share of
    each block. Needs `netwright[data]`.
    """

    example: ClassVar[str] = "parquet: {path: taxi.parquet, stream: true}"
    stream: bool | None = spec_field(
        "Read block by block (true) or all at once (false); by default block by block above 256 MiB.",
        default=None,
    )

    def open_file(self, path: Path) -> TableFile:
        from ..table_files import ParquetTable

        return ParquetTable(path)

    def streams(self, file: TableFile, columns: Sequence[str]) -> bool:
        return super().streams(file, columns) if self.stream is None else self.stream
