"""What the lectures' systems learn from: pairs of digits, noise that grows, words by their hash."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import DataSource
from netwright.runtime.data.columns import Array, Columns
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.data.sources.digit_pairs import DigitPairs
from netwright.runtime.data.sources.digit_strips import DigitStrips
from netwright.runtime.data.sources.digits import Digits
from netwright.runtime.data.sources.sine import Sine
from netwright.runtime.data.sources.spam_assassin import SpamAssassin
from netwright.runtime.data.text import hashed_words
from netwright.runtime.errors import UserError
from support.requirements import missing

HERE = Path()


def arrays(columns: Columns | None) -> dict[str, Array]:
    assert columns is not None
    return columns.take(slice(None))


def images(pairs: dict[str, Array]) -> set[bytes]:
    return {image.tobytes() for side in ("left", "right") for image in pairs[side]}


def test_half_of_the_pairs_show_one_digit_in_two_images() -> None:
    pairs = arrays(DigitPairs(rows=4000).load(HERE).train)
    a, b = pairs["left_label"], pairs["right_label"]
    assert pairs["same_digit"].mean() == 0.5
    np.testing.assert_array_equal(pairs["same_digit"], a == b)
    np.testing.assert_array_equal(pairs["larger"], a > b)
    np.testing.assert_array_equal(pairs["digit_sum"], a + b)
    assert not (pairs["left"] == pairs["right"]).all(axis=(1, 2)).any()
    of_different = b[a != b] - a[a != b]
    assert set(of_different % 10) == set(range(1, 10))


def test_images_of_pairs_are_digits_with_their_labels_and_none_is_in_both_partitions() -> None:
    found = DigitPairs(rows=3000, test_rows=500).load(HERE)
    digits = arrays(Digits().load(HERE).train)
    label_of = {image.tobytes(): label for image, label in zip(digits["image"], digits["label"], strict=True)}
    for part in (arrays(found.train), arrays(found.test)):
        for side in ("left", "right"):
            assert [label_of[image.tobytes()] for image in part[side]] == part[f"{side}_label"].tolist()
    assert not images(arrays(found.train)) & images(arrays(found.test))


def test_pairs_are_a_function_of_the_seed() -> None:
    one, again, other = (arrays(DigitPairs(rows=50, seed=seed).load(HERE).train) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one["left"], again["left"])
    assert not np.array_equal(one["left"], other["left"])


def test_noise_that_grows() -> None:
    points = arrays(Sine(rows=20_000, low=0, high=2, noise=0.1, noise_high=0.5).load(HERE).train)
    error = points["y"] - np.sin(points["x"])
    for low, expected in ((0.0, 0.12), (0.9, 0.3), (1.9, 0.49)):
        there = (points["x"] >= low) & (points["x"] < low + 0.1)
        np.testing.assert_allclose(error[there].std(), expected, rtol=0.1)


def test_words_by_their_hash() -> None:
    found = hashed_words(["Free money, FREE!", "", "no"], 64)
    assert found.dtype == np.uint8
    assert found.shape == (3, 64)
    assert np.flatnonzero(found[0]).tolist() == sorted({zlib.crc32(b"free") % 64, zlib.crc32(b"money") % 64})
    assert not found[1].any()
    assert np.flatnonzero(found[2]).tolist() == [zlib.crc32(b"no") % 64]


@pytest.mark.parametrize("hashed", [None, 16])
def test_what_is_said_of_the_mails_before_they_are_read_is_true(hashed: int | None) -> None:
    if missing_file("spam_assassin"):
        missing("SpamAssassin mail", "netwright fetch spam_assassin")
    source = SpamAssassin(hashed_words=hashed)
    assert source.describe(HERE) == DataSource.describe(source, HERE)


def test_strips_hold_whole_digits_in_the_order_of_their_labels() -> None:
    found = DigitStrips(rows=200, test_rows=50, fewest=2, most=4).load(HERE)
    digits = arrays(Digits().load(HERE).train)
    label_of = {image.T.tobytes(): label for image, label in zip(digits["image"], digits["label"], strict=True)}
    seen: dict[str, set[bytes]] = {"train": set(), "test": set()}
    for name, part in (("train", found.train), ("test", found.test)):
        strips = arrays(part)
        assert strips["strip"].shape[1:] == (48, 8)
        assert set(strips["digit_count"]) == {2, 3, 4}
        for strip, columns, row, count in zip(
            strips["strip"], strips["columns"], strips["digits"], strips["digit_count"], strict=True
        ):
            windows = (np.ascontiguousarray(strip[start : start + 8]).tobytes() for start in range(41))
            inside = [window for window in windows if window in label_of]
            assert [label_of[window] for window in inside] == row[:count].tolist()
            assert (row[count:] == 10).all()
            assert strip[columns - 8 : columns].tobytes() == inside[-1]
            assert not strip[columns:].any()
            seen[name].update(inside)
    assert not seen["train"] & seen["test"]


def test_strips_are_a_function_of_the_seed() -> None:
    one, again, other = (arrays(DigitStrips(rows=20, seed=seed).load(HERE).train) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one["strip"], again["strip"])
    assert not np.array_equal(one["strip"], other["strip"])


def test_strips_of_fewer_digits_than_the_fewest() -> None:
    with pytest.raises(UserError) as caught:
        DigitStrips(fewest=4, most=3).load(HERE)
    assert str(caught.value) == "data source 'digit_strips': 'fewest' is 4, more than 'most', 3"
