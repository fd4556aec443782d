"""The split: exact, stratified, seeded, and the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netwright.runtime.data.split import Stream, random_order, split_rows
from netwright.runtime.errors import UserError

fractions = st.floats(0.01, 0.45)


def test_the_order_is_fixed_for_ever() -> None:
    """Changing these numbers breaks resuming and repeating of old runs."""
    assert random_order(10, 0, Stream.SPLIT).tolist() == [9, 7, 2, 0, 4, 3, 5, 6, 1, 8]
    assert random_order(10, 7, Stream.SHUFFLE, 3).tolist() == [7, 4, 0, 1, 3, 2, 5, 8, 6, 9]


def test_orders_differ_by_seed_stream_and_index() -> None:
    orders = {
        tuple(random_order(50, seed, stream, index)) for seed in (0, 1, -1) for stream in Stream for index in (0, 1)
    }
    assert len(orders) == 3 * len(Stream) * 2


def test_first_places_are_uniform() -> None:
    """Each of 10 rows comes first in a tenth of 5,000 epochs: chi-squared with 9 degrees of freedom, p > 0.001."""
    counts = np.bincount([random_order(10, 0, Stream.SHUFFLE, epoch)[0] for epoch in range(5000)], minlength=10)
    assert ((counts - 500) ** 2 / 500).sum() < 27.9


@given(st.integers(10, 300), st.lists(fractions, min_size=0, max_size=2), st.integers(0, 2**70))
def test_every_row_once_and_sizes_exact(rows: int, parts: list[float], seed: int) -> None:
    try:
        result = split_rows(rows, parts, seed)
    except UserError:
        assert any(round(rows * part) == 0 for part in parts) or sum(parts) > 0.8
        return
    assert sorted(np.concatenate(result).tolist()) == list(range(rows))
    assert [len(part) for part in result[:-1]] == [int(rows * part + 0.5) for part in parts]
    assert all((np.diff(part) > 0).all() for part in result)
    assert all(np.array_equal(a, b) for a, b in zip(result, split_rows(rows, parts, seed), strict=True))


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8),
    st.lists(st.floats(0.05, 0.3), min_size=1, max_size=2),
    st.integers(0, 1000),
)
def test_each_class_gives_its_share(counts: list[int], parts: list[float], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)) * 3, counts)  # labels need not be consecutive
    np.random.default_rng(seed).shuffle(labels)
    rows = len(labels)
    if rows < 40:
        return
    result = split_rows(rows, parts, seed, labels)
    assert sorted(np.concatenate(result).tolist()) == list(range(rows))
    for chosen in result[:-1]:
        for label, count in zip(np.arange(len(counts)) * 3, counts, strict=True):
            exact = len(chosen) * count / rows
            assert np.floor(exact) <= (labels[chosen] == label).sum() <= np.ceil(exact)
    assert [len(part) for part in result[:-1]] == [int(rows * part + 0.5) for part in parts]


def test_stratified_shares_are_exact_where_they_divide() -> None:
    labels = np.array([0] * 50 + [1] * 30 + [2] * 20)
    validation, test, train = split_rows(100, [0.1, 0.2], 5, labels)
    assert np.bincount(labels[validation]).tolist() == [5, 3, 2]
    assert np.bincount(labels[test]).tolist() == [10, 6, 4]
    assert np.bincount(labels[train]).tolist() == [35, 21, 14]


def test_stratified_rows_are_drawn_at_random() -> None:
    labels = np.zeros(100, np.int64)
    first, second = (split_rows(100, [0.5], seed, labels)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(50))


def test_a_class_that_runs_out() -> None:
    """Ten classes of one row each: a row given to one part is not there for the next."""
    labels = np.arange(10)
    assert [labels[part].tolist() for part in split_rows(10, [0.4, 0.4], 0, labels)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]


@pytest.mark.parametrize(
    ("rows", "parts", "message", "hint"),
    [
        (10, [1.0], "data.split: a fraction must be at least 0 and less than 1, received 1.0", None),
        (10, [-0.1], "data.split: a fraction must be at least 0 and less than 1, received -0.1", None),
        (
            10,
            [0.5, 0.6],
            "data.split: the fractions 0.5 + 0.6 leave nothing to train on",
            "together they must be less than 1",
        ),
        (4, [0.1], "data.split: 0.1 of 4 rows is not a single row", None),
        (1, [0.9], "data.split: 1 row cannot be split so that one is left to train on", None),
        (2, [0.45, 0.45], "data.split: 2 rows cannot be split so that one is left to train on", None),
    ],
)
def test_splits_that_cannot_be_made(refuses, rows: int, parts: list[float], message: str, hint: str | None) -> None:
    with refuses(message, hint):
        split_rows(rows, parts, 0)
