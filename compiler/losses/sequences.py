"""Rows of labels that end early, as losses and metrics of whole sequences read them."""

from __future__ import annotations

import numpy as np

from ..ir import DType, Value, constant
from ..ops import op
from ..ops.cast import cast


def positions(x: Value) -> Value:
    """0, 1, 2 … for the second axis of x, (1, size)."""
    size = x.shape[1]
    end = constant(np.int64(size)) if isinstance(size, int) else op.Squeeze(op.Shape(x, start=1, end=2), [0])
    return op.Unsqueeze(op.Range(constant(np.int64(0)), end, constant(np.int64(1))), [0])


def filled(labels: Value, lengths: Value, padding: int) -> Value:
    """The labels, (batch, size), with `padding` from `lengths`, (batch), on."""
    return op.Where(op.Less(positions(labels), op.Unsqueeze(lengths, [1])), labels, padding)


def label_counts(labels: Value, padding: int) -> Value:
    """How many labels each row has, (batch, 1)."""
    return op.ReduceSum(cast(op.Not(op.Equal(labels, padding)), DType.int64), [1], keepdims=1)
