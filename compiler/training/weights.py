"""How much each example and step of a batch counts in a loss, and the mean by these weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..ir import DType, Value, constant, op
from ..ops.cast import cast
from ..spec.settings import LossEntry


def mean_loss(elements: Value, weights: Value | None) -> tuple[Value, Value | None]:
    """The mean of a loss over a batch, and the sum of its weights where it has any; float32 scalars."""
    if weights is None:
        return cast(op.ReduceMean(elements, keepdims=0), DType.float32), None
    mean, weight = weighted_mean(elements, weights)
    return cast(mean, DType.float32), cast(weight, DType.float32)


def example_weights(
    entry: LossEntry, known: Mapping[str, Value], elements: Value, target: Value, valid: Value | None = None
) -> Value | None:
    """How much each element of a loss counts, in the shape of the elements, (batch,) or (batch, time); None when all
    count alike. `valid` is 0 for the steps that do not count."""
    weights = _example_weights(entry, known, elements, target)
    if weights is None or valid is None:
        return valid if weights is None else weights
    return _spread(weights, 2) * valid if weights.rank == 1 else weights * _spread(valid, weights.rank)


def _example_weights(entry: LossEntry, known: Mapping[str, Value], elements: Value, target: Value) -> Value | None:
    sample = None if entry.sample_weight is None else known[entry.sample_weight]
    if sample is not None and sample.dtype is not elements.dtype:
        sample = op.Cast(sample, to=elements.dtype.code)
    if entry.class_weights is None:
        return sample
    table = constant(np.array(entry.class_weights), elements.dtype)
    by_class = op.Gather(table, target, axis=0)
    return by_class if sample is None else by_class * _spread(sample, by_class.rank)


def weighted_mean(elements: Value, weights: Value) -> tuple[Value, Value]:
    """Σ w·l / Σ w and Σ w. Where every weight of a batch is 0, the mean is 0 as well.

    Weights of the batch alone, shape (batch,), weigh the mean over the other axes.
    """
    if elements.rank > weights.rank:
        elements = op.ReduceMean(elements, list(range(weights.rank, elements.rank)), keepdims=0)
    total = op.ReduceSum(weights, keepdims=0)
    one = constant(1.0, total.dtype)
    return op.ReduceSum(elements * weights, keepdims=0) / op.Where(op.Greater(total, 0), total, one), total


def _spread(sample: Value, rank: int) -> Value:
    """Weights of shape (batch,) or (batch, time) with axes of size 1 up to a rank."""
    return op.Unsqueeze(sample, list(range(sample.rank, rank))) if rank > sample.rank else sample
