"""`npz`: arrays in NumPy archives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription


@DataSource.registry.register("npz")
@dataclass(frozen=True, kw_only=True)
class Npz(DataSource):
    """NumPy archives, as `numpy.savez` writes them: each array is a column, its first axis counts rows.

    Paths are relative to the spec's folder. Arrays of Python objects are refused.
    """

    example: ClassVar[str] = "npz: {path: train.npz, test: test.npz}"
    shorthand: ClassVar[str | None] = "path"

    path: str = spec_field("The archive with the training data, or with all data when `split` divides it.")
    validation: str | None = spec_field("An archive with validation data of its own.", default=None)
    test: str | None = spec_field("An archive with test data of its own.", default=None)

    def load(self, base: Path) -> Dataset:
        from ..columns import ArrayColumns
        from ..files import read_npz

        return Dataset.of({part: ArrayColumns(read_npz(path), str(path)) for part, path in self._paths(base).items()})

    def describe(self, base: Path) -> SourceDescription:
        """From the arrays' headers; only scalar whole-number columns are read, to count classes."""
        from ..columns import check_lengths, count_classes
        from ..files import npz_headers, read_npz

        paths = self._paths(base)
        headers = {part: npz_headers(path) for part, path in paths.items()}
        rows = {
            part: check_lengths({name: header.shape for name, header in found.items()}, str(paths[part]))
            for part, found in headers.items()
        }
        scalar = frozenset(
            name for name, header in headers["train"].items() if len(header.shape) == 1 and header.dtype.kind in "iu"
        )
        labels = [read_npz(path, scalar) for path in paths.values()]
        return SourceDescription(
            rows,
            {
                name: ColumnInfo(
                    header.dtype.name,
                    header.shape[1:],
                    count_classes([part[name] for part in labels if name in part]) if name in scalar else None,
                )
                for name, header in headers["train"].items()
            },
        )

    def _paths(self, base: Path) -> dict[str, Path]:
        named = {"train": self.path, "validation": self.validation, "test": self.test}
        return {part: base / path for part, path in named.items() if path is not None}
