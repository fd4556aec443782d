"""`fashion_mnist`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

_CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@DataSource.registry.register("fashion_mnist")
@dataclass(frozen=True, kw_only=True)
class FashionMnist(DataSource):
    """60,000 training and 10,000 test images of clothes, 28×28 pixels: like MNIST, and harder.

    Fetch it once with `netwright fetch fashion_mnist`, which needs apt-get. Columns: `image` (float32, [28, 28], 0 to
    1, or uint8 with `scale: false`) and `label` (int64, 0 to 9: T-shirt, trousers, pullover, dress, coat, sandal,
    shirt, sneaker, bag, ankle boot). It brings its own test partition.

    Data: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017, in the Debian package dataset-fashion-mnist; MIT
    licence.
    """

    example: ClassVar[str] = "fashion_mnist: {scale: false}"
    scale: bool = spec_field("Divide the pixels by 255; false keeps them as uint8.", default=True)

    def load(self, base: Path) -> Dataset:
        from ..fetch import require
        from ..idx import load_images

        folder = require("fashion_mnist")
        files = {
            part: (folder / f"{name}-images-idx3-ubyte", folder / f"{name}-labels-idx1-ubyte")
            for part, name in (("train", "train"), ("test", "t10k"))
        }
        loaded = {part: load_images(images, labels, self.scale) for part, (images, labels) in files.items()}
        return Dataset.of(loaded, categories={"label": _CLASSES})

    def describe(self, base: Path) -> SourceDescription:
        """Known before the files are fetched: their contents are recorded by checksum."""
        image = ColumnInfo("float32" if self.scale else "uint8", (28, 28))
        return SourceDescription(
            {"train": 60_000, "test": 10_000}, {"image": image, "label": ColumnInfo("int64", (), 10, _CLASSES)}
        )
