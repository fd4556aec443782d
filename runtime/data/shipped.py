"""The small tables and series inside the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .source import Dataset, DataSource


@dataclass(frozen=True, kw_only=True)
class ShippedTable(DataSource):
    """Base of the shipped tables: an `.npz` file with `x` (measurements as they were taken) and `y`."""

    features: ClassVar[tuple[str, ...]]
    """Names of the measurements."""
    class_names: ClassVar[tuple[str, ...] | None]
    """What the labels stand for; None for a table whose target is a number."""
    file: ClassVar[Path]

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from .columns import ArrayColumns
        from .files import read_npz

        del base
        stored = read_npz(self.file)
        measured = dict(zip(self.features, stored["x"].T.astype(np.float32), strict=True))
        if self.class_names is None:
            centred = stored["x"] - stored["x"].mean(axis=0)
            scaled = centred / np.sqrt((centred**2).sum(axis=0))
            return Dataset(
                ArrayColumns({"x": scaled.astype(np.float32), **measured, "y": stored["y"].astype(np.float32)})
            )
        columns = ArrayColumns({"x": stored["x"].astype(np.float32), **measured, "label": stored["y"].astype(np.int64)})
        return Dataset(columns, categories={"label": self.class_names})


@dataclass(frozen=True, kw_only=True)
class ShippedSeries(DataSource):
    """Base of the shipped series: an `.npz` file with an array for each column, rows in the order of time."""

    file: ClassVar[Path]

    def load(self, base: Path) -> Dataset:
        from .columns import ArrayColumns
        from .files import read_npz

        del base
        return Dataset(ArrayColumns(read_npz(self.file)))
