"""The IDX format of the MNIST files: a magic number, sizes, then big-endian values; raw or gzip-compressed.

Layout (Y. LeCun, "The MNIST database of handwritten digits"): two zero bytes, one byte for the dtype, one for the
number of axes, then each axis as a 32-bit big-endian unsigned integer, then the values in C order.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from ..errors import UserError
from .columns import Array, ArrayColumns, check_lengths, count_classes
from .files import open_bytes
from .source import ColumnInfo, SourceDescription
from .wording import shape_text

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 24


@dataclass(frozen=True)
class IdxHeader:
    """Dtype (native byte order) and shape of an IDX file."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def idx_header(path: Path) -> IdxHeader:
    """What an IDX file holds, without its values."""
    with _open(path) as stream:
        return _read_header(stream, path)


def read_idx(path: Path) -> Array:
    """The array in an IDX file, in native byte order.

    Raises UserError for a wrong magic number, a file that is too short or too long, and damaged compression.
    """
    with _open(path) as stream:
        header = _read_header(stream, path)
        data = bytearray()
        # In pieces: a header that lies about its sizes must not allocate what the file does not hold.
        while len(data) <= header.nbytes and (piece := stream.read(min(_CHUNK, header.nbytes + 1 - len(data)))):
            data += piece
    if len(data) < header.nbytes:
        raise UserError(
            f"{path}: is cut short: its header promises {header.nbytes:,} bytes of data, {len(data):,} are there"
        )
    if len(data) > header.nbytes:
        raise UserError(f"{path}: is longer than the {header.nbytes:,} bytes of data its header promises")
    values = np.frombuffer(data, header.dtype.newbyteorder(">")).reshape(header.shape)
    return values.astype(header.dtype, copy=False)


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed when it is gzip, whatever it is called."""
    with open_bytes(path) as stream:
        compressed = stream.read(2) == _GZIP_MAGIC
        stream.seek(0)
        if not compressed:
            yield stream
            return
        try:
            with gzip.open(stream) as unpacked:
                yield cast("IO[bytes]", unpacked)
        except EOFError:
            raise UserError(f"{path}: is cut short: its gzip data ends too early") from None
        except (gzip.BadGzipFile, zlib.error):
            raise UserError(f"{path}: is damaged: its gzip data does not add up") from None


def _read_header(stream: IO[bytes], path: Path) -> IdxHeader:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        begins = f"it begins with {magic!r}" if magic else "it is empty"
        raise UserError(
            f"{path}: is not an IDX file: {begins}",
            "an IDX file begins with two zero bytes, a dtype (8 for bytes) and the number of axes",
        )
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise UserError(f"{path}: is cut short: its header should hold {magic[3]} sizes")
    return IdxHeader(np.dtype(_DTYPES[magic[2]]).newbyteorder("="), struct.unpack(f">{magic[3]}I", sizes))


def load_images(images_file: Path, labels_file: Path, scale: bool) -> ArrayColumns:
    """Columns `image` and `label` from a pair of IDX files.

    Byte images become float32 from 0 to 1 with `scale`; labels become int64.
    """
    images, labels = read_idx(images_file), read_idx(labels_file)
    _check_labels(labels.dtype, labels.shape, labels_file)
    if scale and images.dtype == np.uint8:
        images = np.true_divide(images, np.float32(255), dtype=np.float32)
    return ArrayColumns(
        {"image": images, "label": labels.astype(np.int64)}, f"{images_file.name} and {labels_file.name}"
    )


def describe_images(files: Mapping[str, tuple[Path, Path]], scale: bool) -> SourceDescription:
    """Rows, dtypes, shapes and classes of partition -> (images, labels), without reading the images."""
    headers = {part: idx_header(images) for part, (images, _) in files.items()}
    labels = {part: read_idx(path) for part, (_, path) in files.items()}
    rows = {}
    for part, (images_file, labels_file) in files.items():
        _check_labels(labels[part].dtype, labels[part].shape, labels_file)
        shapes = {"image": headers[part].shape, "label": labels[part].shape}
        rows[part] = check_lengths(shapes, f"{images_file.name} and {labels_file.name}")
    image = headers["train"]
    dtype = "float32" if scale and image.dtype == np.uint8 else image.dtype.name
    return SourceDescription(
        rows,
        {
            "image": ColumnInfo(dtype, image.shape[1:]),
            "label": ColumnInfo("int64", (), count_classes(list(labels.values()))),
        },
    )


def _check_labels(dtype: np.dtype[Any], shape: tuple[int, ...], path: Path) -> None:
    if len(shape) != 1 or dtype.kind not in "iu":
        raise UserError(
            f"{path}: does not hold labels: it has the shape {shape_text(shape)}"
            f" and dtype {dtype.name}, labels have one axis of whole numbers",
            "are the image and label files swapped?",
        )
