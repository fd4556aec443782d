"""What sampling keeps of a distribution, against distributions worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from netwright.runtime.generation import logits


def scores_of(*probabilities: float) -> logits.Scores:
    with np.errstate(divide="ignore"):
        return np.log(np.array([probabilities], np.float64))


def kept(scores: logits.Scores) -> list[int]:
    return np.flatnonzero(scores[0] > -np.inf).tolist()


def test_probabilities_and_logits_give_the_same() -> None:
    given = np.array([[0.5, 0.25, 0.25], [1, 0, 0]], np.float32)
    expected = [[np.log(0.5), np.log(0.25), np.log(0.25)], [0, -np.inf, -np.inf]]
    np.testing.assert_allclose(logits.log_probabilities(given), expected)
    shifted = np.log(given[:1]) + 7  # logits are probabilities' logarithms, but for a constant
    np.testing.assert_allclose(logits.log_probabilities(shifted), expected[:1], rtol=1e-6)
    np.testing.assert_allclose(logits.log_probabilities(np.log(given[:1])), expected[:1], rtol=1e-6)


def test_logits_that_are_not_negative_are_still_logits() -> None:
    (row,) = logits.log_probabilities([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(np.exp(row), [0.25, 0.75])
    large = logits.log_probabilities([[1000.0, 1000.0, 0.0]])
    np.testing.assert_allclose(large, [[-np.log(2), -np.log(2), -1000 - np.log(2)]])


def test_a_temperature_of_a_half_squares_and_of_two_takes_roots() -> None:
    scores = scores_of(0.8, 0.2)
    squared = logits.probabilities_of(logits.tempered(scores, 0.5))
    np.testing.assert_allclose(squared, [[0.64 / 0.68, 0.04 / 0.68]])
    np.testing.assert_allclose(logits.probabilities_of(logits.tempered(scores, 2)), [[2 / 3, 1 / 3]])


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [1]), (2, [1, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])],
)
def test_top_k_keeps_so_many_with_equal_ones_in_order(k: int, expected: list[int]) -> None:
    assert kept(logits.top_k(scores_of(0.2, 0.4, 0.2, 0.2), k)) == ([0, 1] if k == 2 else expected)


def test_top_k_leaves_the_probabilities_in_proportion() -> None:
    left = logits.probabilities_of(logits.top_k(scores_of(0.5, 0.1, 0.25, 0.15), 2))
    np.testing.assert_allclose(left, [[2 / 3, 0, 1 / 3, 0]])


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (1e-9, [2]),  # the most probable one always stays
        (0.5, [2]),  # it alone has a half
        (0.5000001, [1, 2]),
        (0.75, [1, 2]),  # exactly enough: the next one is not needed
        (0.76, [0, 1, 2]),  # of the two that are left, equal, the smaller id
        (0.875, [0, 1, 2]),
        (0.876, [0, 1, 2, 3]),
        (1.0, [0, 1, 2, 3]),
    ],
)
def test_top_p_keeps_the_fewest_that_have_the_probability(p: float, expected: list[int]) -> None:
    assert kept(logits.top_p(scores_of(0.125, 0.25, 0.5, 0.125), p)) == expected


def test_top_p_of_all_equal_ones() -> None:
    even = scores_of(0.25, 0.25, 0.25, 0.25)
    assert [kept(logits.top_p(even, p)) for p in (0.25, 0.3, 0.5, 0.75, 0.8)] == [
        [0],
        [0, 1],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
    ]


def test_top_p_sums_what_top_k_left() -> None:
    left = logits.top_k(scores_of(0.4, 0.3, 0.2, 0.1), 2)  # 4/7 and 3/7
    assert kept(logits.top_p(left, 0.57)) == [0]
    assert kept(logits.top_p(left, 0.58)) == [0, 1]


def test_top_p_goes_row_by_row() -> None:
    both = np.concatenate([scores_of(0.9, 0.1, 0), scores_of(0.1, 0.1, 0.8)])
    assert (logits.top_p(both, 0.85) > -np.inf).tolist() == [[True, False, False], [True, False, True]]


def test_a_token_without_probability_is_never_kept_before_others() -> None:
    assert kept(logits.top_p(scores_of(0, 1, 0), 0.999)) == [1]


def test_without_leaves_tokens_out() -> None:
    left = logits.without(scores_of(0.5, 0.25, 0.25), [0])
    np.testing.assert_allclose(logits.probabilities_of(left), [[0, 0.5, 0.5]])
    assert logits.greedy(left).tolist() == [1]  # the first of equal ones


@pytest.mark.parametrize(
    ("uniform", "token"),
    [(0.0, 0), (0.249, 0), (0.25, 2), (0.749, 2), (0.75, 3), (np.nextafter(1, 0), 3)],
)
def test_draw_inverts_the_cumulated_distribution(uniform: float, token: int) -> None:
    assert logits.draw(scores_of(0.25, 0, 0.5, 0.25), [uniform]).tolist() == [token]


def test_draw_never_takes_what_was_left_out() -> None:
    scores = logits.top_k(scores_of(*np.random.default_rng(0).dirichlet(np.ones(50))), 3)
    allowed = kept(scores)
    drawn = {int(logits.draw(scores, [uniform])[0]) for uniform in np.linspace(0, np.nextafter(1, 0), 500)}
    assert sorted(drawn) == allowed


@pytest.mark.parametrize(
    ("values", "k", "expected"),
    [
        ([1, 3, 2], 2, [1, 2]),
        ([1, 1, 1, 1], 2, [0, 1]),
        ([2, 1, 2, 3], 2, [3, 0]),
        ([0, -np.inf, 1], 3, [2, 0, 1]),
        ([5, 4], 7, [0, 1]),
    ],
)
def test_greatest(values: Sequence[float], k: int, expected: list[int]) -> None:
    assert logits.greatest(np.array(values, np.float64), k).tolist() == expected
