"""Columns made into what a graph takes, or refused with row, value and reason."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime.data import conform as conform_module
from netwright.runtime.data.conform import Field, conform


def feature(
    dtype: str = "float32", shape: tuple[int | str, ...] = (), classes: int | None = None, limit: int | None = None
) -> Field:
    return Field("f", dtype, shape, "c", classes, limit)


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        (np.array([1.5, 2.5]), feature(), np.array([1.5, 2.5], np.float32)),
        (np.array([1, 2], np.int32), feature("int64"), np.array([1, 2], np.int64)),
        (np.array([1.0, 2.0]), feature("int64"), np.array([1, 2], np.int64)),
        (np.array([True, False]), feature(), np.array([1, 0], np.float32)),
        (np.array([True, False]), feature("int64"), np.array([1, 0], np.int64)),
        (np.array([1, 2], np.uint8), feature("uint8"), np.array([1, 2], np.uint8)),
        (np.array([[1], [2]]), feature("float32"), np.array([1, 2], np.float32)),
        (np.array([1, 2]), feature("float32", (1,)), np.array([[1], [2]], np.float32)),
        (np.zeros((2, 7, 3)), feature("float32", ("time", 3)), np.zeros((2, 7, 3), np.float32)),
        (np.array([0, 9]), feature("int64", classes=10), np.array([0, 9], np.int64)),
        (np.arange(6.0).reshape(3, 2).T, feature("float64", (3,)), np.arange(6.0).reshape(3, 2).T),
    ],
)
def test_what_is_accepted(values: np.ndarray, field: Field, expected: np.ndarray) -> None:
    result = conform(values, field, "column 'c'")
    assert result.dtype == expected.dtype
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, expected)


def test_what_fits_is_not_copied() -> None:
    values = np.ones((4, 3), np.float32)
    assert np.shares_memory(conform(values, feature("float32", (3,)), "c"), values)


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        (np.array([1.0, np.nan]), feature(), "column 'c', row 1: nan is not a finite number"),
        (np.array([np.inf, 1.0, -np.inf]), feature(), "column 'c', row 0: inf is not a finite number (and 1 more row)"),
        (
            np.array([[0, 1], [2, np.nan], [np.nan, 1], [np.nan, np.nan]]),
            feature("float32", (2,)),
            "column 'c', row 1, position [1]: nan is not a finite number (and 2 more rows)",
        ),
        (np.array([1.0, np.nan]), feature("int64"), "column 'c', row 1: nan is not a finite number"),
        (np.array([1.0, 1e300]), feature(), "column 'c', row 1: 1e+300 does not fit float32"),
        (
            np.array([1.0, 2.5, 0.5]),
            feature("int64"),
            "column 'c', row 1: 2.5 is not a whole number, but 'f' needs int64 (and 1 more row)",
        ),
        (
            np.array([0, 10, 3, -1]),
            feature("int64", classes=10),
            "column 'c', row 1: 10 is not a class of 'f', which has the classes 0 to 9 (and 1 more row)",
        ),
        (
            np.array([0.0, -1.0]),
            feature("int64", classes=3),
            "column 'c', row 1: -1.0 is not a class of 'f', which has the classes 0 to 2",
        ),
        (
            np.array([[0, 99], [1, 100]]),
            feature("int64", (2,), limit=100),
            "column 'c', row 1, position [1]: 100 is not a number that 'f' knows, which are 0 to 99",
        ),
        (
            np.array([300, 1]),
            feature("uint8"),
            "column 'c', row 0: 300 does not fit uint8 (0 to 255), which 'f' needs",
        ),
        (
            np.array([1, 2**63], np.uint64),
            feature("int64"),
            "column 'c', row 1: 9223372036854775808 does not fit int64"
            " (-9223372036854775808 to 9223372036854775807), which 'f' needs",
        ),
        (
            np.array([1.0, 2.0**63]),
            feature("int64"),
            "column 'c', row 1: 9.223372036854776e+18 does not fit int64"
            " (-9223372036854775808 to 9223372036854775807), which 'f' needs",
        ),
        (
            np.zeros((2, 64)),
            feature("float32", (8, 8)),
            "column 'c': each row has the shape [64], but 'f' needs [8, 8]",
        ),
        (
            np.zeros((2, 4, 2)),
            feature("float32", ("time", 3)),
            "column 'c': each row has the shape [4, 2], but 'f' needs [time, 3]",
        ),
        (np.zeros((2, 2)), feature(), "column 'c': each row has the shape [2], but 'f' needs []"),
        (np.array(["a", "b"]), feature(), "column 'c': holds text (dtype <U1), but 'f' needs float32"),
        (np.array([1j]), feature(), "column 'c': holds complex numbers (dtype complex128), but 'f' needs float32"),
        (np.array([None]), feature(), "column 'c': holds objects (dtype object), but 'f' needs float32"),
        (
            np.array([(1, 2.0)], "i4,f4"),
            feature(),
            "column 'c': holds records (dtype [('f0', '<i4'), ('f1', '<f4')]), but 'f' needs float32",
        ),
    ],
)
def test_what_is_refused(refuses, values: np.ndarray, field: Field, message: str) -> None:
    with refuses(message):
        conform(values, field, "column 'c'")


def test_row_numbers_beyond_the_first_chunk(refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conform_module, "_CHUNK_BYTES", 8 * 10)
    values = np.ones(95)
    values[[42, 94]] = np.nan
    with refuses("column 'c', row 42: nan is not a finite number (and 1 more row)"):
        conform(values, feature(), "column 'c'")
    values[42] = 1
    with refuses("column 'c', row 94: nan is not a finite number"):
        conform(values, feature(), "column 'c'")


def test_field_from_the_manifest() -> None:
    entry = {"name": "image", "dtype": "float32", "shape": ["time", 8], "column": "pixels"}
    assert Field.from_manifest(entry) == Field("image", "float32", ("time", 8), "pixels")
    assert Field.from_manifest({"name": "y", "dtype": "int64", "shape": [], "classes": 3}).column == "y"
