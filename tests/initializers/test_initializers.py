"""First values have the distribution that their kind names, and given values are checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from netwright.compiler import random
from netwright.compiler.errors import BuildError
from netwright.compiler.initializers import Initializer
from netwright.compiler.ir import Array
from support.running import Program, fixed_input

SHAPE = (250, 160)
FAN_IN, FAN_OUT = SHAPE


def draw(entry: Any, shape: tuple[int, ...] = SHAPE, seed: int = 0, stream: int = 0) -> Array:
    counter = fixed_input("seed", np.int64(0))
    value = Initializer.registry.build(entry).build(random.key(counter, stream), shape, FAN_IN, FAN_OUT)
    (array,) = Program([counter], [value])(np.int64(seed))
    assert (array.shape, array.dtype) == (shape, np.float32)
    return array


def uniform(low: float, high: float) -> Callable[[float], float]:
    """The distribution function of the uniform distribution."""
    return lambda x: min(1.0, max(0.0, (x - low) / (high - low)))


def normal(mean: float, deviation: float) -> Callable[[float], float]:
    return lambda x: 0.5 * (1 + math.erf((x - mean) / (deviation * math.sqrt(2))))


def truncated(mean: float, deviation: float) -> Callable[[float], float]:
    """The normal distribution without what lies beyond two deviations."""
    whole = normal(mean, deviation)
    low, high = whole(mean - 2 * deviation), whole(mean + 2 * deviation)
    return lambda x: min(1.0, max(0.0, (whole(x) - low) / (high - low)))


GLOROT, HE = 2 / (FAN_IN + FAN_OUT), 2 / FAN_IN
DISTRIBUTIONS: dict[str, list[tuple[Any, Callable[[float], float], float]]] = {
    # kind -> (entry, distribution function, variance)
    "uniform": [
        ("uniform", uniform(-0.05, 0.05), 0.1**2 / 12),
        ({"uniform": {"low": 2, "high": 3}}, uniform(2, 3), 1 / 12),
    ],
    "normal": [
        ("normal", normal(0, 0.05), 0.05**2),
        ({"normal": {"mean": 1, "stddev": 2}}, normal(1, 2), 4),
    ],
    "truncated_normal": [
        ("truncated_normal", truncated(0, 0.05), (0.05 * 0.8796) ** 2),
        ({"truncated_normal": {"mean": -1, "stddev": 2}}, truncated(-1, 2), (2 * 0.8796) ** 2),
    ],
    "glorot_uniform": [("glorot_uniform", uniform(-math.sqrt(3 * GLOROT), math.sqrt(3 * GLOROT)), GLOROT)],
    "glorot_normal": [("glorot_normal", normal(0, math.sqrt(GLOROT)), GLOROT)],
    "he_uniform": [("he_uniform", uniform(-math.sqrt(3 * HE), math.sqrt(3 * HE)), HE)],
    "he_normal": [("he_normal", normal(0, math.sqrt(HE)), HE)],
}
FIXED = {"zeros", "ones", "constant", "values", "tied"}


@pytest.mark.parametrize("kind", [kind for kind in Initializer.registry if kind not in FIXED])
def test_distribution(kind: str) -> None:
    for entry, distribution, variance in DISTRIBUTIONS[kind]:
        numbers = np.sort(draw(entry).ravel().astype(np.float64))
        # Kolmogorov and Smirnov: above 1.95/√n one sample in a thousand of the right distribution is refused.
        ranks = np.arange(1, numbers.size + 1) / numbers.size
        distance = np.abs(np.vectorize(distribution)(numbers) - ranks).max()
        assert distance < 1.95 / math.sqrt(numbers.size)
        np.testing.assert_allclose(numbers.var(), variance, rtol=0.03)


@pytest.mark.parametrize("kind", [kind for kind in Initializer.registry if kind not in FIXED])
def test_seeds_and_streams_differ_and_repeat(kind: str) -> None:
    first = draw(kind)
    np.testing.assert_array_equal(first, draw(kind))
    for other in (draw(kind, seed=1), draw(kind, stream=1)):
        assert (first != other).mean() > 0.99
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.025  # five standard errors


def test_glorot_uniform_fills_its_bounds() -> None:
    limit = math.sqrt(6) / math.sqrt(FAN_IN + FAN_OUT)
    numbers = draw("glorot_uniform")
    assert np.abs(numbers).max() <= limit
    assert numbers.min() < -0.99 * limit
    assert numbers.max() > 0.99 * limit


def test_truncated_normal_stays_inside() -> None:
    numbers = draw({"truncated_normal": {"mean": 3, "stddev": 0.5}})
    assert numbers.min() >= 2
    assert numbers.max() <= 4


@pytest.mark.parametrize(
    ("entry", "number"),
    [("zeros", 0), ("ones", 1), ({"constant": 0.25}, 0.25), ({"values": -2}, -2), ({"values": 0.5}, 0.5)],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_one_number_everywhere(entry: Any, number: float, shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(draw(entry, shape), np.full(shape, number, np.float32))


def test_values() -> None:
    assert draw({"values": [[1, -2], [-1, 0.5]]}, (2, 2)).tolist() == [[1, -2], [-1, 0.5]]
    assert draw({"values": [1, 2, 3]}, (3,)).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("entry", "shape", "message", "hint", "path"),
    [
        (
            {"values": [1, 2]},
            (3,),
            "the values have the shape (2), but (3) is needed",
            None,
            ("values",),
        ),
        (
            {"values": [[1, 2, 3], [4, 5, 6]]},
            (3, 2),
            "the values have the shape (2, 3), but (3, 2) is needed",
            "write them transposed: a row for each input, a column for each unit",
            ("values",),
        ),
        ({"values": []}, (3,), "the values have the shape (0), but (3) is needed", None, ("values",)),
        (
            {"values": [[1, 2], [3]]},
            (2, 2),
            "has the shape (1), but the first entry of the same list has (2)",
            "all rows need the same length",
            ("values", 1),
        ),
        (
            {"values": [[1, 2], 3]},
            (2, 2),
            "has the shape (), but the first entry of the same list has (2)",
            "all rows need the same length",
            ("values", 1),
        ),
        ({"values": [[1, "x"]]}, (1, 2), "must be a number, received 'x'", None, ("values", 0, 1)),
        ({"values": [True]}, (1,), "must be a number, received True", None, ("values", 0)),
        (
            {"uniform": {"low": 1, "high": 1}},
            (2,),
            "`low` must be less than `high`, received 1.0 and 1.0",
            None,
            ("low",),
        ),
    ],
)
def test_messages(entry: Any, shape: tuple[int, ...], message: str, hint: str | None, path: tuple[Any, ...]) -> None:
    with pytest.raises(BuildError) as caught:
        draw(entry, shape)
    assert (caught.value.message, caught.value.hint, caught.value.path) == (message, hint, path)
