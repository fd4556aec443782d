"""NumPy files, read with precise errors and never unpickled.

`.npy` and `.npz` files are opened through `numpy.lib.format`; what it cannot know (the file is text, is cut short,
claims more than it holds) is checked first, so that the message can say it and nothing huge is allocated.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from ..errors import UserError
from .columns import Array

NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = b"PK"


@dataclass(frozen=True)
class ArrayHeader:
    """Dtype and shape of a stored array, and the bytes of data that must follow."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran_order: bool

    @property
    def nbytes(self) -> int:
        size = self.dtype.itemsize
        for extent in self.shape:
            size *= extent
        return size


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading. Raises UserError when there is none, or it cannot be read."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    with stream:
        yield stream


def read_npy(path: Path) -> Array:
    """The array in a `.npy` file."""
    with open_bytes(path) as stream:
        _check_header(stream, path.stat().st_size, str(path))
        stream.seek(0)
        return npy_format.read_array(stream, allow_pickle=False)


def npy_header(path: Path) -> ArrayHeader:
    """Dtype and shape of a `.npy` file, without its data."""
    with open_bytes(path) as stream:
        return _check_header(stream, path.stat().st_size, str(path))


def read_npz(path: Path, only: frozenset[str] | None = None) -> dict[str, Array]:
    """The arrays in a `.npz` file by name, in the file's order; with `only`, just those."""
    arrays = {}
    with _open_npz(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if only is not None and name not in only:
                continue
            with _open_member(archive, info, path) as stream:
                _check_header(stream, info.file_size, f"{path}: array '{name}'")
            with _open_member(archive, info, path) as stream:
                arrays[name] = npy_format.read_array(stream, allow_pickle=False)
    return arrays


def npz_headers(path: Path) -> dict[str, ArrayHeader]:
    """Dtype and shape of each array in a `.npz` file, without its data."""
    headers = {}
    with _open_npz(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            with _open_member(archive, info, path) as stream:
                headers[name] = _check_header(stream, info.file_size, f"{path}: array '{name}'")
    return headers


@contextmanager
def _open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    with open_bytes(path) as stream:
        start = stream.read(len(_ZIP_MAGIC))
        if start != _ZIP_MAGIC:
            raise UserError(f"{path}: is not a NumPy .npz file: {_beginning(stream)}")
        stream.seek(0)
        try:
            archive = zipfile.ZipFile(stream)
        except zipfile.BadZipFile:
            raise UserError(f"{path}: is damaged or cut short: its list of arrays is missing") from None
        with archive:
            yield archive


@contextmanager
def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Iterator[IO[bytes]]:
    name = info.filename.removesuffix(".npy")
    try:
        with archive.open(info) as stream:
            yield stream
    except (zipfile.BadZipFile, EOFError, zlib.error):
        raise UserError(f"{path}: array '{name}' is damaged: its stored bytes do not add up") from None
    except (NotImplementedError, RuntimeError):
        raise UserError(f"{path}: array '{name}' is encrypted or packed in a way NumPy does not use") from None


def _check_header(stream: IO[bytes], stored: int, where: str) -> ArrayHeader:
    """Read and check the header of the array at the stream's start; `stored` counts header and data in bytes."""
    magic = stream.read(len(NPY_MAGIC))
    if magic != NPY_MAGIC:
        raise UserError(f"{where}: is not a NumPy array: {_beginning(stream, magic)}")
    version = tuple(stream.read(2))
    readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
    if version not in readers:
        raise UserError(f"{where}: has a NumPy format version that holds no plain numbers: {list(version)}")
    try:
        shape, fortran_order, dtype = readers[version](stream)
    except (ValueError, EOFError):
        raise UserError(f"{where}: is damaged: its header cannot be read") from None
    if dtype.hasobject:
        raise UserError(
            f"{where}: holds Python objects, which netwright never unpickles",
            "store numbers: give the array a numeric dtype, with rows of equal shape",
        )
    header = ArrayHeader(dtype, shape, fortran_order)
    if stored - stream.tell() < header.nbytes:
        raise UserError(
            f"{where}: is cut short: its header promises {header.nbytes:,} bytes of data,"
            f" {max(stored - stream.tell(), 0):,} are there"
        )
    return header


def _beginning(stream: IO[bytes], already_read: bytes | None = None) -> str:
    """`it begins with b'…'`, to show what the file really is."""
    if already_read is None:
        stream.seek(0)
        already_read = b""
    start = already_read + stream.read(16 - len(already_read))
    return f"it begins with {start!r}" if start else "it is empty"
