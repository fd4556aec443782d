"""Mean and variance of a tensor in plain operators, which every provider has kernels for and which differentiate."""

from __future__ import annotations

from collections.abc import Sequence

from ..initializers import Ones, Zeros
from ..ir import Value
from ..ops import op
from ..ops.reduction import count
from ..ops.shapes import reshape
from .base import LayerContext

EPSILON = "Added to the variance."
SCALE = "Whether to learn `scale`, first 1."
BIAS = "Whether to learn `bias`, first 0."


def centered(x: Value, axes: Sequence[int]) -> tuple[Value, Value, Value]:
    """x − mean, the mean, and the variance (the biased one) over the axes, which stay with the size 1."""
    mean = op.ReduceMean(x, list(axes), keepdims=1)
    distance = x - mean
    return distance, mean, op.ReduceSumSquare(distance, list(axes), keepdims=1) / count(x, axes)


def inverse_deviation(variance: Value, epsilon: float) -> Value:
    """1 / √(variance + epsilon)."""
    return op.Reciprocal(op.Sqrt(variance + epsilon))


def affine_parameters(
    context: LayerContext, size: int, rank: int, axis: int, *, scale: bool, bias: bool
) -> tuple[Value | None, Value | None]:
    """`scale` and `bias` of shape (size), as they broadcast along an axis of a tensor of this rank."""
    shape = (*(1,) * axis, size, *(1,) * (rank - axis - 1))
    gain = context.parameter("scale", (size,), Ones(), fan_in=size, fan_out=size) if scale else None
    shift = context.parameter("bias", (size,), Zeros(), fan_in=size, fan_out=size) if bias else None
    return (None if gain is None else reshape(gain, shape)), (None if shift is None else reshape(shift, shape))
