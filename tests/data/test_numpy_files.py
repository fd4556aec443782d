"""`.npy` and `.npz` files: what is read, and what is said about files that are something else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data.files import npy_header, npz_headers, read_npy, read_npz


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))])
def test_npy_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "a.npy"
    np.save(path, array)
    np.testing.assert_array_equal(read_npy(path), array)
    header = npy_header(path)
    assert (header.dtype, header.shape, header.nbytes) == (array.dtype, (2, 3), 48)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_round_trip(tmp_path: Path, save: object) -> None:
    path = tmp_path / "a.npz"
    save(path, image=np.ones((3, 2), np.float32), label=np.array([1, 2, 3]))  # type: ignore[operator]
    arrays = read_npz(path)
    assert list(arrays) == ["image", "label"]
    np.testing.assert_array_equal(arrays["label"], [1, 2, 3])
    assert {name: header.shape for name, header in npz_headers(path).items()} == {"image": (3, 2), "label": (3,)}
    assert list(read_npz(path, frozenset({"label"}))) == ["label"]


def test_no_such_file(tmp_path: Path, refuses) -> None:
    with refuses(f"{tmp_path}/a.npz: there is no such file"):
        read_npz(tmp_path / "a.npz")


def test_a_folder(tmp_path: Path, refuses) -> None:
    with refuses(f"{tmp_path}: is a folder, not a file"):
        read_npy(tmp_path)


def test_a_file_that_cannot_be_opened(tmp_path: Path, refuses) -> None:
    loop = tmp_path / "loop.npy"
    loop.symlink_to(loop)
    with refuses(f"{loop}: cannot be read: Too many levels of symbolic links"):
        read_npy(loop)


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"image,label\n1,2\n3,4\n", "it begins with b'image,label\\n1,2\\n'"), (b"", "it is empty")],
)
def test_text_instead_of_numpy(tmp_path: Path, refuses, content: bytes, found: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(content)
    with refuses(f"{path}: is not a NumPy .npz file: {found}"):
        read_npz(path)
    with refuses(f"{path}: is not a NumPy array: {found}"):
        read_npy(path)


def test_npz_cut_short(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(100))
    path.write_bytes(path.read_bytes()[:-30])
    with refuses(f"{path}: is damaged or cut short: its list of arrays is missing"):
        read_npz(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_with_altered_bytes(tmp_path: Path, refuses, save) -> None:
    path = tmp_path / "a.npz"
    save(path, a=np.random.default_rng(0).integers(0, 2**60, 4000))
    content = bytearray(path.read_bytes())
    content[10_000:10_400] = b"\xff" * 400
    path.write_bytes(content)
    with refuses(f"{path}: array 'a' is damaged: its stored bytes do not add up"):
        read_npz(path)


def test_npz_member_that_is_no_array(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with refuses(f"{path}: array 'notes.txt': is not a NumPy array: it begins with b'hello'"):
        read_npz(path)


def test_npz_packed_in_a_foreign_way(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(3))
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 10  # the compression method in the archive's list
    path.write_bytes(content[:at] + b"\x63\x00" + content[at + 2 :])
    with refuses(f"{path}: array 'a' is encrypted or packed in a way NumPy does not use"):
        read_npz(path)


def test_objects_are_never_unpickled(tmp_path: Path, refuses) -> None:
    hint = "store numbers: give the array a numeric dtype, with rows of equal shape"
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with refuses(f"{tmp_path}/a.npy: holds Python objects, which netwright never unpickles", hint):
        read_npy(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", x=np.array([None, 1], dtype=object))
    with refuses(f"{tmp_path}/b.npz: array 'x': holds Python objects, which netwright never unpickles", hint):
        read_npz(tmp_path / "b.npz")


def test_npy_cut_short(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(1000))
    path.write_bytes(path.read_bytes()[:-8])
    with refuses(f"{path}: is cut short: its header promises 8,000 bytes of data, 7,992 are there"):
        read_npy(path)


def test_a_header_that_claims_terabytes_allocates_nothing(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**6)})
    with refuses(f"{path}: is cut short: its header promises 8,000,000,000,000,000 bytes of data, 0 are there"):
        read_npy(path)


@pytest.mark.parametrize("rest", [b"\x01\x00", b"\x01\x00\x10\x00not a dictionary", b"\x02\x00\xff\xff\xff\xff{"])
def test_a_header_that_cannot_be_read(tmp_path: Path, refuses, rest: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY" + rest)
    with refuses(f"{path}: is damaged: its header cannot be read"):
        read_npy(path)


def test_an_unknown_version(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x09\x00")
    with refuses(f"{path}: has a NumPy format version that holds no plain numbers: [9, 0]"):
        read_npy(path)
