"""The IDX format: raw and gzip-compressed files, and files that are damaged or something else."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import build_source
from netwright.runtime.data.idx import idx_header, read_idx

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
HINT = "an IDX file begins with two zero bytes, a dtype (8 for bytes) and the number of axes"


@pytest.mark.parametrize("compress", [False, True])
def test_bytes(tmp_path: Path, write_idx, compress: bool) -> None:
    path = write_idx(tmp_path / "images", IMAGES, compress=compress)
    np.testing.assert_array_equal(read_idx(path), IMAGES)
    assert idx_header(path).shape == (2, 3, 4)


@pytest.mark.parametrize(("code", "dtype"), [(9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")])
def test_other_dtypes_are_big_endian(tmp_path: Path, write_idx, code: int, dtype: str) -> None:
    array = np.array([[-3, 2], [100, -7]], dtype)
    read = read_idx(write_idx(tmp_path / "a", array, code=code))
    assert read.dtype == np.dtype(dtype)
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!DOCTYPE html>", "it begins with b'<!DO'"),
        (b"\0\0\x07\x01", "it begins with b'\\x00\\x00\\x07\\x01'"),
        (b"\0\0\x08\x00", "it begins with b'\\x00\\x00\\x08\\x00'"),
        (b"\0\0", "it begins with b'\\x00\\x00'"),
        (b"", "it is empty"),
    ],
)
def test_another_kind_of_file(tmp_path: Path, refuses, content: bytes, found: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with refuses(f"{path}: is not an IDX file: {found}", HINT):
        read_idx(path)


def test_data_cut_short(tmp_path: Path, refuses, write_idx) -> None:
    path = write_idx(tmp_path / "a", IMAGES)
    path.write_bytes(path.read_bytes()[:-5])
    with refuses(f"{path}: is cut short: its header promises 24 bytes of data, 19 are there"):
        read_idx(path)


def test_header_cut_short(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\0\0\x08\x03\0\0\0\x02")
    with refuses(f"{path}: is cut short: its header should hold 3 sizes"):
        idx_header(path)


def test_trailing_bytes(tmp_path: Path, refuses, write_idx) -> None:
    path = write_idx(tmp_path / "a", IMAGES)
    path.write_bytes(path.read_bytes() + b"more")
    with refuses(f"{path}: is longer than the 24 bytes of data its header promises"):
        read_idx(path)


def test_a_header_that_claims_too_much_allocates_nothing(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**20) + b"abc")
    promised = (2**32 - 1) ** 2 * 2**20
    with refuses(f"{path}: is cut short: its header promises {promised:,} bytes of data, 3 are there"):
        read_idx(path)


def test_gzip_cut_short(tmp_path: Path, refuses, write_idx) -> None:
    path = write_idx(tmp_path / "a.gz", np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8), compress=True)
    path.write_bytes(path.read_bytes()[:-200])
    with refuses(f"{path}: is cut short: its gzip data ends too early"):
        read_idx(path)


@pytest.mark.parametrize("at", [3, 100])
def test_gzip_damaged(tmp_path: Path, refuses, at: int) -> None:
    values = np.random.default_rng(0).integers(0, 255, 5000, np.uint8).tobytes()
    content = bytearray(gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 5000) + values))
    content[2 if at == 3 else at : at + 40] = b"\xff" * (at + 40 - (2 if at == 3 else at))
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with refuses(f"{path}: is damaged: its gzip data does not add up"):
        read_idx(path)


def test_the_source(tmp_path: Path, write_idx) -> None:
    write_idx(tmp_path / "images", IMAGES, compress=True)
    write_idx(tmp_path / "labels", np.array([1, 0], np.uint8))
    write_idx(tmp_path / "more", IMAGES[:1])
    write_idx(tmp_path / "theirs", np.array([6], np.uint8))
    fields = {"images": "images", "labels": "labels", "test_images": "more", "test_labels": "theirs"}
    source = build_source({"idx": fields})
    data = source.load(tmp_path)
    batch = data.train.take(slice(None))
    assert batch["image"].dtype == np.float32
    np.testing.assert_array_equal(batch["image"], IMAGES.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(batch["label"], np.array([1, 0], np.int64))
    assert data.test is not None
    assert data.test.rows == 1

    description = source.describe(tmp_path)
    assert description.rows == {"train": 2, "test": 1}
    assert (description.columns["image"].dtype, description.columns["image"].shape) == ("float32", (3, 4))
    assert (description.columns["label"].dtype, description.columns["label"].classes) == ("int64", 7)

    unscaled = build_source({"idx": {**fields, "scale": False}})
    assert unscaled.load(tmp_path).train.take(slice(0, 1))["image"].dtype == np.uint8
    assert unscaled.describe(tmp_path).columns["image"].dtype == "uint8"


def test_swapped_files(tmp_path: Path, refuses, write_idx) -> None:
    write_idx(tmp_path / "images", IMAGES)
    labels = write_idx(tmp_path / "labels", np.array([1, 0], np.uint8))
    source = build_source({"idx": {"images": "labels", "labels": "images"}})
    message = (
        f"{labels.parent / 'images'}: does not hold labels: it has the shape [2, 3, 4] and dtype uint8,"
        " labels have one axis of whole numbers"
    )
    for use in (source.load, source.describe):
        with refuses(message, "are the image and label files swapped?"):
            use(tmp_path)


def test_images_and_labels_of_different_length(tmp_path: Path, refuses, write_idx) -> None:
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", np.array([1, 0, 1], np.uint8))
    source = build_source({"idx": {"images": "images", "labels": "labels"}})
    for use in (source.load, source.describe):
        with refuses("images and labels: the columns differ in their number of rows: 'image' has 2, 'label' has 3"):
            use(tmp_path)


@pytest.mark.parametrize(("given", "absent"), [("images", "labels"), ("labels", "images")])
def test_half_a_test_partition(tmp_path: Path, refuses, given: str, absent: str) -> None:
    source = build_source({"idx": {"images": "a", "labels": "b", f"test_{given}": "c"}})
    with refuses(f"data source 'idx': test_{given} is given without test_{absent}", "give both, or neither"):
        source.load(tmp_path)
