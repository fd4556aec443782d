"""Sums over batches to metrics: the table of docs/architecture.md, one function a row.

Every function takes the sums as float64 arrays in the order the manifest lists them. A number that the data do not
define (a mean over nothing, R² of a constant target) is NaN, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MetricValue = float | list[list[int]]
"""A number, or K×K counts (rows: true class)."""


def ratio(total: Array, weight: Array) -> float:
    """s / w."""
    return _divide(float(total), float(weight))


def sum_of_ratios(*sums: Array) -> float:
    """Σ sᵢ / wᵢ over pairs: losses that weigh the examples differently. One that no example counts for adds nothing."""
    pairs = [(float(total), float(weight)) for total, weight in zip(sums[::2], sums[1::2], strict=True)]
    counted = [total / weight for total, weight in pairs if weight]
    return sum(counted) if counted else float("nan")


def root_ratio(total: Array, weight: Array) -> float:
    """√(s / w), e.g. the root mean squared error."""
    return float(np.sqrt(_divide(float(total), float(weight))))


def exponential_ratio(total: Array, weight: Array) -> float:
    """e^(s / w), e.g. the perplexity; infinite where that is too large for a float."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(_divide(float(total), float(weight)))))


def r2(residual: Array, total: Array, squares: Array, weight: Array) -> float:
    """Coefficient of determination 1 − Σ(y−ŷ)² / Σ(y−ȳ)², with Σ(y−ȳ)² = Σy² − (Σy)²/w."""
    variation = float(squares) - _divide(float(total) ** 2, float(weight))
    return 1.0 - _divide(float(residual), variation)


def confusion(counts: Array) -> list[list[int]]:
    """The K×K counts themselves (rows: true class, columns: predicted class)."""
    return [[round(cell) for cell in row] for row in counts.tolist()]


def precision(counts: Array) -> float:
    """True positives / predicted positives, averaged over the classes that occur (0 for one never predicted)."""
    return _macro(counts, counts.diagonal(), counts.sum(axis=0))


def recall(counts: Array) -> float:
    """True positives / true members, averaged over the classes that occur (0 for one that is only predicted)."""
    return _macro(counts, counts.diagonal(), counts.sum(axis=1))


def f1(counts: Array) -> float:
    """Harmonic mean of precision and recall, 2·hits / (true + predicted), averaged over the classes that occur."""
    return _macro(counts, 2 * counts.diagonal(), counts.sum(axis=1) + counts.sum(axis=0))


FINALIZERS: dict[str, Callable[..., MetricValue]] = {
    "ratio": ratio,
    "sum_of_ratios": sum_of_ratios,
    "root_ratio": root_ratio,
    "exponential_ratio": exponential_ratio,
    "r2": r2,
    "confusion": confusion,
    "precision": precision,
    "recall": recall,
    "f1": f1,
}


def _divide(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")


def _macro(counts: Array, numerator: Array, denominator: Array) -> float:
    """Mean of numerator / denominator over the classes that occur, as truth or as prediction (as scikit-learn does)."""
    occurs = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    scores = np.divide(numerator, denominator, out=np.zeros(len(counts)), where=denominator > 0)
    return _divide(float(scores[occurs].sum()), float(occurs.sum()))
