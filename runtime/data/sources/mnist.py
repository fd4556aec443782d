"""`mnist`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription


@DataSource.registry.register("mnist")
@dataclass(frozen=True, kw_only=True)
class Mnist(DataSource):
    """60,000 training and 10,000 test images of handwritten digits, 28×28 pixels.

    Fetch it once with `netwright fetch mnist`. Columns: `image` (float32, [28, 28], 0 to 1, or uint8 with
    `scale: false`) and `label` (int64, 0 to 9). It brings its own test partition.

    Data: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits"; licence unclear, so
    netwright does not ship it.
    """

    example: ClassVar[str] = "mnist: {scale: false}"
    scale: bool = spec_field("Divide the pixels by 255; false keeps them as uint8.", default=True)

    def load(self, base: Path) -> Dataset:
        from ..idx import load_images

        return Dataset.of(
            {part: load_images(images, labels, self.scale) for part, (images, labels) in self._files().items()}
        )

    def describe(self, base: Path) -> SourceDescription:
        """Known before the files are fetched: their contents are recorded by checksum."""
        image = ColumnInfo("float32" if self.scale else "uint8", (28, 28))
        return SourceDescription(
            {"train": 60_000, "test": 10_000}, {"image": image, "label": ColumnInfo("int64", (), 10)}
        )

    def _files(self) -> dict[str, tuple[Path, Path]]:
        from ..fetch import require

        folder = require("mnist")
        return {
            "train": (folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"),
            "test": (folder / "t10k-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte"),
        }
