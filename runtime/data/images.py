"""Image files as arrays of one size and mode, read through Pillow.

Whatever a file holds becomes 8-bit gray or RGB: palettes are looked up, 16-bit gray is scaled, transparency shows
white, the orientation that a camera noted is applied, the first frame of an animation counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .blocks import row_numbers
from .columns import Array, ArrayColumns, Batch, Rows
from .folders import LabelledFiles
from .optional import require_package

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MEMORY_BYTES = 256 * 1024 * 1024
"""Decoded images up to this size stay in memory; others are read again whenever they are taken."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


@dataclass(frozen=True)
class ImageForm:
    """What every image becomes. size: height and width in pixels."""

    size: tuple[int, int]
    mode: Literal["rgb", "grayscale"]
    fit: Literal["stretch", "crop", "pad"]
    channels: Literal["first", "last"]
    scale: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image as an array."""
        if self.mode == "grayscale":
            return self.size
        return (3, *self.size) if self.channels == "first" else (*self.size, 3)


def read_image(path: Path, form: ImageForm) -> npt.NDArray[np.uint8]:
    """An image file as bytes, shape `form.shape`.

    Raises UserError, naming the file, when it is broken, cut short or no image.
    """
    image_module = require_package("PIL.Image", "Pillow", "reading images", "images")
    operations = require_package("PIL.ImageOps", "Pillow", "reading images", "images")
    try:
        with image_module.open(path) as opened:
            opened.load()
            image = _in_mode(image_module, operations.exif_transpose(opened), form.mode)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except image_module.DecompressionBombError:
        raise UserError(f"{path}: has too many pixels to be taken for a picture") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow's decoders raise
        raise UserError(
            f"{path}: {_fault(error)}", "repair or remove it, or leave such files out: `broken: skip`"
        ) from None
    pixels = np.asarray(_fitted(image_module, operations, image, form))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) if pixels.ndim == 3 and form.channels == "first" else pixels)


def _in_mode(image_module: Any, image: Any, mode: str) -> Any:
    if image.mode in _SIXTEEN_BIT:
        high = np.asarray(image).astype(np.int64)
        image = image_module.fromarray((np.clip(high, 0, 65535) // 257).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("floating-point pixels")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = image_module.new("RGBA", image.size, (255, 255, 255, 255))
        image = image_module.alpha_composite(white, image)
    return image.convert("L" if mode == "grayscale" else "RGB")


def _fitted(image_module: Any, operations: Any, image: Any, form: ImageForm) -> Any:
    height, width = form.size
    if image.size == (width, height):
        return image
    method = image_module.Resampling.BILINEAR
    if form.fit == "stretch":
        return image.resize((width, height), method)
    if form.fit == "crop":
        return operations.fit(image, (width, height), method)
    return operations.pad(image, (width, height), method, color=0)


def _fault(error: Exception) -> str:
    text = str(error)
    if "floating-point" in text:
        return "has floating-point pixels, whose range is unknown"
    if "truncated" in text or "unexpected end" in text.lower() or isinstance(error, EOFError):
        return "is cut short"
    if "cannot identify" in text:
        return "is no image that can be read"
    return "is broken"


class ImageColumns:
    """`image` and `label` of files. Images that fit `MEMORY_BYTES` together are decoded once and kept."""

    row_bytes: int | None = None

    def __init__(self, files: LabelledFiles, form: ImageForm, skip_broken: bool) -> None:
        self._form = form
        self._paths, self._labels = files.paths, np.array(files.labels, np.int64)
        self._kept: Array | None = None
        keep = int(np.prod(form.shape)) * len(files.paths) <= MEMORY_BYTES
        if keep or skip_broken:
            self._read_all(keep, skip_broken)

    def _read_all(self, keep: bool, skip_broken: bool) -> None:
        kept, good = [], []
        for index, path in enumerate(self._paths):
            try:
                pixels = read_image(path, self._form)
            except UserError:
                if not skip_broken:
                    raise
                continue
            good.append(index)
            if keep:
                kept.append(pixels)
        if not good:
            raise UserError(f"{self._paths[0].parent.parent}: every image is broken")
        self._paths, self._labels = tuple(self._paths[index] for index in good), self._labels[good]
        if keep:
            self._kept = np.stack(kept)
            self.row_bytes = int(np.prod(self._form.shape)) * (4 if self._form.scale else 1) + 8

    @property
    def rows(self) -> int:
        return len(self._paths)

    @property
    def names(self) -> tuple[str, ...]:
        return ("image", "label")

    def take(self, rows: Rows) -> Batch:
        if self._kept is not None:
            pixels = self._kept[rows]
        else:
            chosen = [self._paths[index] for index in row_numbers(rows, self.rows)]
            pixels = np.stack([read_image(path, self._form) for path in chosen])
        image = pixels.astype(np.float32) / np.float32(255) if self._form.scale else pixels
        return {"image": image, "label": self._labels[rows]}

    def only(self, names: Sequence[str]) -> ImageColumns | ArrayColumns:
        """Labels alone need no image to be read."""
        return self if "image" in names else ArrayColumns({"label": self._labels})
