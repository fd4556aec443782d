"""The penalty on large weights that the objective may carry."""

from __future__ import annotations

from collections.abc import Sequence

from .ir import Value
from .ops import op


def penalty(parameters: Sequence[Value], l1: float, l2: float) -> Value | None:
    """l1 · Σ|w| + l2 · Σw² over all numbers of all parameters, a scalar; None when there is nothing to penalise.

    As in Keras: the derivative of the second term is 2·l2·w (PyTorch's `weight_decay` of plain SGD is 2·l2).
    """
    terms = []
    if l1 and parameters:
        terms.append(_total([op.ReduceSum(op.Abs(parameter), keepdims=0) for parameter in parameters]) * l1)
    if l2 and parameters:
        terms.append(_total([op.ReduceSumSquare(parameter, keepdims=0) for parameter in parameters]) * l2)
    return _total(terms) if terms else None


def _total(scalars: Sequence[Value]) -> Value:
    total = scalars[0]
    for scalar in scalars[1:]:
        total = total + scalar
    return total
