"""The distributions that are made of the generator's bits, tails included."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from netwright.compiler import random
from netwright.compiler.ir import DType, Graph, graph_input
from random_reference import Array, run
from scipy import stats

SHAPE = (1000, 1000)
COUNTER = graph_input("counter", DType.int64, ())


@cache
def samples() -> dict[str, Array]:
    key = random.key(COUNTER, 1)
    outputs = {
        "uniform": random.uniform(key, SHAPE),
        "interval": random.uniform(key, SHAPE, -3.0, 5.0),
        "symmetric": random.uniform(key, SHAPE, -0.25, 0.25),
        "normal": random.normal(key, SHAPE),
        "scaled": random.normal(key, SHAPE, mean=-2.0, standard_deviation=0.02),
        "truncated": random.truncated_normal(key, SHAPE),
        "truncated, scaled": random.truncated_normal(key, SHAPE, mean=1.0, standard_deviation=0.1),
    }
    found = run(Graph("samples", (COUNTER,), outputs), {"counter": np.array(2024)})
    assert all(array.dtype == np.float32 and array.shape == SHAPE for array in found.values())
    return {name: array.ravel().astype(np.float64) for name, array in found.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("uniform", stats.uniform(0, 1)),
        ("interval", stats.uniform(-3, 8)),
        ("symmetric", stats.uniform(-0.25, 0.5)),
        ("normal", stats.norm()),
        ("scaled", stats.norm(-2, 0.02)),
        ("truncated", stats.truncnorm(-2, 2)),
        ("truncated, scaled", stats.truncnorm(-2, 2, 1, 0.1)),
    ],
)
def test_a_million_numbers_follow_the_distribution(name: str, expected: stats.rv_continuous) -> None:
    x = samples()[name]
    assert stats.kstest(x[:200_000], expected.cdf, method="asymp").pvalue > 1e-3
    # 1,000 equally likely bins see what the largest distance does not
    counts = np.bincount((expected.cdf(x) * 1000).astype(int).clip(0, 999), minlength=1000)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert x.mean() == pytest.approx(expected.mean(), abs=4 * expected.std() / 1000)
    assert x.std() == pytest.approx(expected.std(), rel=0.005)


@pytest.mark.parametrize("threshold", [3.0, 3.5, 4.0, 4.5])
def test_the_normal_tails_have_their_weight(threshold: float) -> None:
    x = samples()["normal"]
    for count in (np.count_nonzero(x > threshold), np.count_nonzero(x < -threshold)):
        assert stats.binomtest(int(count), x.size, stats.norm.sf(threshold)).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0, 3.0, 200.0])
def test_a_symmetric_beta_follows_its_distribution(alpha: float) -> None:
    """Half of it is below ½, and there numbers have full relative precision; above, small α end at 1 by rounding."""
    value = random.symmetric_beta(random.key(COUNTER, 2), (200_000,), alpha)
    x = run(Graph("beta", (COUNTER,), {"x": value}), {"counter": np.array(7)})["x"].astype(np.float64)
    assert 0 <= x.min() < x.max() <= 1
    expected = stats.beta(alpha, alpha)
    assert stats.binomtest(int((x < 0.5).sum()), x.size, 0.5).pvalue > 1e-3
    assert stats.kstest(2 * expected.cdf(x[x < 0.5]), "uniform", method="asymp").pvalue > 1e-3
    above = x[(x >= 0.5) & (x < 1 - 2.0**-16)]
    assert stats.binomtest(above.size, x.size, expected.cdf(1 - 2.0**-16) - 0.5).pvalue > 1e-3
    assert x.mean() == pytest.approx(0.5, abs=4 * expected.std() / np.sqrt(x.size))
    assert x.std() == pytest.approx(expected.std(), rel=0.01)


def test_normal_neighbours_are_independent() -> None:
    x = samples()["normal"]
    for lag in (1, 2, 3, 64, 1000):
        assert abs(float(np.mean(x[lag:] * x[:-lag]))) * 1000 < 4
        assert abs(float(np.mean((x[lag:] ** 2 - 1) * (x[:-lag] ** 2 - 1)))) * 500 < 4


def test_the_inverse_is_exact_to_a_few_units_in_the_last_place() -> None:
    """truncated_normal is a function of the bits alone: compare it with scipy's inverse of the same uniform number."""
    key = graph_input("key", DType.uint64, ())
    shape = (512, 64)
    outputs = {"z": random.truncated_normal(key, shape), "u": random.uniform(key, shape, -1.0, 1.0)}
    found = run(Graph("inverse", (key,), outputs), {"key": np.array(0x9E3779B97F4A7C15, dtype=np.uint64)})
    u = found["u"].astype(np.float64) * math.erf(math.sqrt(2))
    np.testing.assert_allclose(found["z"], stats.norm.isf((1 - u) / 2), rtol=2e-6, atol=1e-7)
    assert float(np.abs(found["z"]).max()) <= 2
