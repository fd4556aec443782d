"""`arrow`: columns in Arrow files."""

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


@DataSource.registry.register("arrow")
@dataclass(frozen=True, kw_only=True)
class Arrow(TableSource):
    """Tables in Arrow IPC files (Feather), read through pyarrow. A file too large for memory is read batch by batch.

    The columns are those that the inputs and targets name (or `data.columns` gives them); only they are read. Lists of
    numbers of equal length are vectors. Null and NaN are missing values. Paths are relative to the spec's folder.

    When reading block by block, memory holds about 64 MiB of blocks (record batches), or one if it is larger. Each
    epoch takes the blocks in a new order and mixes the rows of those that are in memory together; a split takes its
    share of each block. Needs `netwright[data]`.
    """

    example: ClassVar[str] = "arrow: {path: houses.arrow, missing: mean}"
    stream: bool | None = spec_field(
        "Read block by block (true) or all at once (false); by default block by block above 256 MiB.",
        default=None,
    )

    def open_file(self, path: Path) -> TableFile:
        from ..table_files import ArrowTable

        return ArrowTable(path)

    def streams(self, file: TableFile, columns: Sequence[str]) -> bool:
        return super().streams(file, columns) if self.stream is None else self.stream
