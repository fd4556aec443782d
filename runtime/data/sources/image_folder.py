"""`image_folder`: pictures in folders named after their class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from netwright.schema import spec_field

from ...errors import UserError
from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

if TYPE_CHECKING:
    from ..folders import LabelledFiles
    from ..images import ImageForm


@DataSource.registry.register("image_folder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(DataSource):
    """Image files (PNG, JPEG, BMP, GIF, WebP, TIFF) in a folder for each class: `pets/cat/1.png`, `pets/dog/2.jpg`.

    The folder may hold `train`, `validation` and `test` with the class folders inside. Columns: `image` (float32 from 0
    to 1, or uint8 with `scale: false`; [height, width] for grayscale, [3, height, width] for RGB) and `label` (int64).
    Every image becomes one size and mode: palettes and 16-bit gray are converted, transparency shows white, the
    orientation noted by a camera is applied. More than 256 MiB of images are read anew in each epoch, ahead of their
    use. Needs `netwright[images]`.
    """

    example: ClassVar[str] = "image_folder: {path: pets, size: [64, 64], fit: crop}"
    shorthand: ClassVar[str | None] = None

    path: str = spec_field("The folder, relative to the spec's.")
    size: tuple[int, ...] = spec_field(
        "Height and width in pixels.",
        schema={"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
    )
    mode: Literal["rgb", "grayscale"] = spec_field("Colours to keep.", default="rgb")
    fit: Literal["stretch", "crop", "pad"] = spec_field(
        "How an image of another size is brought to `size`: stretch it; scale it to cover and crop the middle; scale it"
        " to fit inside and pad with black.",
        default="stretch",
    )
    channels: Literal["first", "last"] = spec_field("Where RGB images have their axis of colours.", default="first")
    scale: bool = spec_field("Divide by 255; false keeps bytes.", default=True)
    broken: Literal["error", "skip"] = spec_field("What to do with files that cannot be read.", default="error")
    classes: tuple[str, ...] | None = spec_field(
        "Class folders in the order of their labels (default: sorted by name).", default=None, min_items=1
    )

    def load(self, base: Path) -> Dataset:
        from ..images import ImageColumns

        files, classes = self._files(base)
        parts = {part: ImageColumns(each, self._form(), self.broken == "skip") for part, each in files.items()}
        return Dataset.of(parts, categories={"label": classes})

    def describe(self, base: Path) -> SourceDescription:
        """From the names of the files, unless broken ones are left out."""
        files, classes = self._files(base)
        if self.broken == "skip":
            rows = {part: columns.rows for part, columns in self.load(base).partitions().items()}
        else:
            rows = {part: len(each.paths) for part, each in files.items()}
        image = ColumnInfo("float32" if self.scale else "uint8", self._form().shape)
        return SourceDescription(rows, {"image": image, "label": ColumnInfo("int64", (), len(classes), classes)})

    def fitted(self, categories: Mapping[str, tuple[str, ...]], means: Mapping[str, float]) -> DataSource:
        return dataclasses.replace(self, classes=categories["label"])

    def _form(self) -> ImageForm:
        from ..images import ImageForm

        if len(self.size) != 2:
            raise UserError(f"data source 'image_folder': size must be height and width, received {list(self.size)}")
        return ImageForm((self.size[0], self.size[1]), self.mode, self.fit, self.channels, self.scale)

    def _files(self, base: Path) -> tuple[dict[str, LabelledFiles], tuple[str, ...]]:
        from ..folders import labelled_files
        from ..images import ENDINGS

        return labelled_files(base / self.path, ENDINGS, self.classes, "images")
