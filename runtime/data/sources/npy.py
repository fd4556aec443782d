"""`npy`: one NumPy file for each column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription


@DataSource.registry.register("npy")
@dataclass(frozen=True, kw_only=True)
class Npy(DataSource):
    """NumPy files, as `numpy.save` writes them: one file for each column, its first axis counts rows.

    Paths are relative to the spec's folder. Arrays of Python objects are refused.
    """

    example: ClassVar[str] = """
npy:
  columns: {image: images.npy, label: labels.npy}
"""
    columns: dict[str, str] = spec_field("Column name -> file of the training data (or of all data).")
    validation: dict[str, str] | None = spec_field("The same for validation data of its own.", default=None)
    test: dict[str, str] | None = spec_field("The same for test data of its own.", default=None)

    def load(self, base: Path) -> Dataset:
        from ..columns import ArrayColumns
        from ..files import read_npy

        return Dataset.of(
            {
                part: ArrayColumns({name: read_npy(path) for name, path in paths.items()}, f"data source 'npy', {part}")
                for part, paths in self._paths(base).items()
            }
        )

    def describe(self, base: Path) -> SourceDescription:
        """From the files' headers; only scalar whole-number columns are read, to count classes."""
        from ..columns import check_lengths, count_classes
        from ..files import npy_header, read_npy

        parts = self._paths(base)
        headers = {part: {name: npy_header(path) for name, path in paths.items()} for part, paths in parts.items()}
        rows = {
            part: check_lengths({name: header.shape for name, header in found.items()}, f"data source 'npy', {part}")
            for part, found in headers.items()
        }
        columns = {}
        for name, header in headers["train"].items():
            scalar = len(header.shape) == 1 and header.dtype.kind in "iu"
            labels = [read_npy(paths[name]) for paths in parts.values() if name in paths] if scalar else []
            columns[name] = ColumnInfo(header.dtype.name, header.shape[1:], count_classes(labels) if scalar else None)
        return SourceDescription(rows, columns)

    def _paths(self, base: Path) -> dict[str, dict[str, Path]]:
        named = {"train": self.columns, "validation": self.validation, "test": self.test}
        return {
            part: {name: base / path for name, path in files.items()}
            for part, files in named.items()
            if files is not None
        }
