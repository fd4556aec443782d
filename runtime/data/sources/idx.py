"""`idx`: image and label files in the format of MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import Dataset, DataSource, SourceDescription


@DataSource.registry.register("idx")
@dataclass(frozen=True, kw_only=True)
class Idx(DataSource):
    """Images and labels in the IDX format of MNIST and its relatives, raw or gzip-compressed.

    Columns: `image` and `label` (int64). Byte images become float32 from 0 to 1 unless `scale` is false; other dtypes
    stay as they are. Paths are relative to the spec's folder.
    """

    example: ClassVar[str] = "idx: {images: train-images-idx3-ubyte.gz, labels: train-labels-idx1-ubyte.gz}"
    images: str = spec_field("File with the training images (or all images).")
    labels: str = spec_field("File with their labels.")
    test_images: str | None = spec_field("File with the test images.", default=None)
    test_labels: str | None = spec_field("File with the labels of the test images.", default=None)
    scale: bool = spec_field("Divide byte images by 255; false keeps them as uint8.", default=True)

    def load(self, base: Path) -> Dataset:
        from ..idx import load_images

        return Dataset.of(
            {part: load_images(images, labels, self.scale) for part, (images, labels) in self._files(base).items()}
        )

    def describe(self, base: Path) -> SourceDescription:
        """From the images' headers and the labels."""
        from ..idx import describe_images

        return describe_images(self._files(base), self.scale)

    def _files(self, base: Path) -> dict[str, tuple[Path, Path]]:
        files = {"train": (base / self.images, base / self.labels)}
        if (self.test_images is None) != (self.test_labels is None):
            given, absent = ("images", "labels") if self.test_labels is None else ("labels", "images")
            raise UserError(f"data source 'idx': test_{given} is given without test_{absent}", "give both, or neither")
        if self.test_images is not None and self.test_labels is not None:
            files["test"] = (base / self.test_images, base / self.test_labels)
        return files
