"""Statistical tests of the generator: uniformity and independence within a tensor, between steps, streams and seeds.

Each check makes one p-value a seed; over many seeds p-values are uniform if the numbers are as good as random ones, and
that is what is tested, so that a defect too small to see in one run still shows. numpy's PCG64 must pass the same
checks, and generators with known defects must fail them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from netwright.compiler import random
from netwright.compiler.ir import DType, Graph, graph_input
from random_reference import Array, session
from scipy import stats

SEEDS = 60
SHAPE = (128, 256)
STREAMS = (11, 12)
SIZE = SHAPE[0] * SHAPE[1]
Generator = Callable[[int, int], "list[Array]"]
"""(counter, seed) -> float32 numbers in [0, 1) of SHAPE, one tensor a stream."""


def chi_square(counts: Array) -> float:
    expected = counts.sum() / counts.size
    return float(stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), counts.size - 1))


def combined(normal_scores: list[float]) -> float:
    """The p-value of numbers that are standard normal under the hypothesis."""
    scores = np.array(normal_scores)
    return float(stats.chi2.sf((scores**2).sum(), scores.size))


def correlation(a: Array, b: Array) -> float:
    """Standard normal for independent uniform numbers."""
    # einsum, as numpy's dot wakes every core for a few microseconds of work
    return float(np.einsum("i,i->", a - 0.5, b - 0.5) * 12 / np.sqrt(a.size))


def bit_scores(k: Array) -> list[float]:
    """How often each of 24 bits is set; standard normal."""
    return [(2 * np.count_nonzero(k & (1 << bit)) / k.size - 1) * k.size**0.5 for bit in range(24)]


def p_values(generator: Generator, seed: int) -> dict[str, float]:
    steps = [[tensor.ravel().astype(np.float64) for tensor in generator(step, seed)] for step in range(4)]
    u, other_stream = steps[0]
    in_steps = [step[0] for step in steps]
    other_seed = generator(0, seed + 1)[0].ravel().astype(np.float64)
    k = (u * 2**24).astype(np.int64)
    lags = [*range(1, 65), 128, 256, 512, 784, 1024, 2048, 4096, 8192, 16384]
    flipped = k ^ (other_seed * 2**24).astype(np.int64)
    low_bits = [(x * 2**24).astype(np.int64) & 1 for x in in_steps]
    m = u.reshape(SHAPE) - 0.5
    rectangles = m[0::2, 0::2] * m[0::2, 1::2] * m[1::2, 0::2] * m[1::2, 1::2]
    spacings = np.sort(np.diff(np.sort(k[:1024])))
    kept = (m < -0.3).reshape(-1, 64).sum(1)
    root = np.sqrt(SIZE)
    return {
        "top 8 bits": chi_square(np.bincount(k >> 16, minlength=256)),
        "middle 8 bits": chi_square(np.bincount((k >> 8) & 255, minlength=256)),
        "low 8 bits": chi_square(np.bincount(k & 255, minlength=256)),
        "Kolmogorov–Smirnov": float(stats.kstest(u, "uniform", method="asymp").pvalue),
        "each bit": combined(bit_scores(k)),
        "lags": combined([correlation(u[:-lag], u[lag:]) for lag in lags]),
        "pairs": chi_square(np.bincount((k[0::2] >> 19) * 32 + (k[1::2] >> 19), minlength=1024)),
        "steps": combined([correlation(a, b) for i, a in enumerate(in_steps) for b in in_steps[:i]]),
        "steps, lowest bit": combined(
            [float(2 * np.mean(a ^ b) - 1) * root for i, a in enumerate(low_bits) for b in low_bits[:i]]
        ),
        "steps, pairs": chi_square(
            np.bincount((u * 32).astype(int) * 32 + (in_steps[1] * 32).astype(int), minlength=1024)
        ),
        "streams": combined([correlation(u, other_stream), correlation(u[1:], other_stream[:-1])]),
        "seeds": combined([correlation(u, other_seed), correlation(u[1:], other_seed[:-1])]),
        "avalanche": combined(bit_scores(flipped)),
        "rectangles": combined([float(rectangles.sum()) * 144 / np.sqrt(rectangles.size)]),
        "row and column sums": combined([*m.sum(1) * np.sqrt(12 / SHAPE[1]), *m.sum(0) * np.sqrt(12 / SHAPE[0])]),
        "counts of a mask": float(stats.chi2.sf(((kept - 12.8) ** 2 / (64 * 0.16)).sum(), kept.size)),
        "birthday spacings": _poisson_p(int(np.count_nonzero(spacings[1:] == spacings[:-1])), 1024**3 / 2**26, seed),
    }


def _poisson_p(count: int, mean: float, seed: int) -> float:
    """A p-value made continuous by a random share of the count's own probability."""
    share = np.random.default_rng(seed).random()
    return float(stats.poisson.sf(count, mean) + share * stats.poisson.pmf(count, mean))


def verdicts(generator: Generator, seeds: int = SEEDS) -> dict[str, float]:
    """For each check, how likely p-values at least this far from uniform are."""
    rows = [p_values(generator, seed) for seed in range(seeds)]
    return {name: float(stats.kstest([row[name] for row in rows], "uniform").pvalue) for name in rows[0]}


@cache
def compiled() -> tuple[Generator, Generator]:
    """The generator as a training step meets it (a counter from the seed), and with the seed as the counter."""
    seed, counter = (graph_input(name, DType.int64, ()) for name in ("seed", "counter"))
    start = session(Graph("start", (seed,), {"counter": random.start(seed)}))
    tensors = {f"u{stream}": random.uniform(random.key(counter, stream), SHAPE) for stream in STREAMS}
    step = session(Graph("step", (counter,), tensors))

    def in_steps(index: int, seed: int) -> list[Array]:
        (first,) = start.run(None, {"seed": np.array(seed)})
        return list(step.run(None, {"counter": np.asarray(first + index)}))

    def in_init(index: int, seed: int) -> list[Array]:
        return list(step.run(None, {"counter": np.array(seed + 10_000 * index)}))

    return in_steps, in_init


@pytest.mark.parametrize("which", [0, 1], ids=["steps", "seeds"])
def test_passes_every_check(which: int) -> None:
    found = verdicts(compiled()[which])
    assert min(found.values()) > 1e-4, found


def test_the_checks_accept_pcg64() -> None:
    def pcg64(step: int, seed: int) -> list[Array]:
        return [np.random.default_rng([seed, step, stream]).random(SHAPE, dtype=np.float32) for stream in STREAMS]

    found = verdicts(pcg64)
    assert min(found.values()) > 1e-4, found


def test_the_checks_reject_mixing_by_shifts_and_additions() -> None:
    """Two rounds of index + step, multiply, add the value shifted: fast, and correlated between neighbours."""

    def shifts(step: int, seed: int) -> list[Array]:
        tensors = []
        for stream in STREAMS:
            x = np.arange(SIZE, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(stream * 0x5EBCA6B + step)
            for multiplier in (0x7FEB352D, 0x846CA68B):
                x = (x + np.uint32(seed) + (x >> np.uint32(16))) * np.uint32(multiplier)
            tensors.append((x >> np.uint32(8)).astype(np.float32).reshape(SHAPE) * np.float32(2**-24))
        return tensors

    found = verdicts(shifts, seeds=6)
    assert found["lags"] < 1e-8
    assert found["steps"] < 1e-8


def test_the_checks_reject_a_product_of_32_bits() -> None:
    """Multiplicative hashing in 32-bit integers: the lowest bit of the float depends on nine bits of the key."""

    def narrow(step: int, seed: int) -> list[Array]:
        keys = np.random.default_rng([seed, step]).integers(0, 2**32, len(STREAMS), dtype=np.uint32) | np.uint32(1)
        table = np.random.default_rng(1).integers(0, 2**32, SHAPE, dtype=np.uint32) | np.uint32(1)
        return [((table * key) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24) for key in keys]

    assert verdicts(narrow, seeds=12)["steps, lowest bit"] < 1e-4


def test_one_element_over_many_steps() -> None:
    """What one weight sees: its numbers over 4,096 steps are uniform, and unrelated to its neighbours'."""
    in_steps, _ = compiled()
    series = np.stack([in_steps(step, seed=5)[0][:2, :4].ravel() for step in range(4096)]).astype(np.float64)
    for column in series.T:
        assert chi_square(np.bincount((column * 64).astype(int), minlength=64)) > 1e-4
        assert combined([correlation(column[:-lag], column[lag:]) for lag in (1, 2, 3, 4, 8, 16)]) > 1e-4
    pairs = [correlation(series[:, i], series[:, j]) for i in range(8) for j in range(i)]
    assert combined(pairs) > 1e-4
