"""Reductions over axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import Array, Call, Derivative, NotDifferentiable, Operator, Sample, Shape, TensorType, Value, op, register
from .inference import normalize_axes
from .shapes import shape_of

AN_AXIS = NotDifferentiable("it is an axis")


def reduce_type(call: Call) -> list[TensorType]:
    """Type after reducing over the constant axes of input 1 (all axes when it is left out)."""
    x = call[0]
    return [TensorType(x.dtype, _reduced_shape(call, x))]


def _reduced_shape(call: Call, x: Value) -> Shape:
    axes = reduced_axes(call, x)
    if call.attribute("keepdims"):
        return tuple(1 if i in axes else dim for i, dim in enumerate(x.shape))
    return tuple(dim for i, dim in enumerate(x.shape) if i not in axes)


def reduced_axes(call: Call, x: Value) -> tuple[int, ...]:
    if call.optional(1) is None:
        return () if call.attribute("noop_with_empty_axes") else tuple(range(x.rank))
    axes = call.constant(1)
    if axes is None:
        raise call.error("the axes are not known when compiling")
    return normalize_axes(call, [int(axis) for axis in axes], x.rank)


def axes_of(d: Derivative) -> tuple[int, ...]:
    """The axes that the differentiated reduction summed over."""
    axes = d.optional(1)
    if axes is None:
        return tuple(range(d.x.rank))
    assert axes.constant is not None
    return tuple(int(axis) % d.x.rank for axis in axes.constant)


def restore(d: Derivative, reduced: Value) -> Value:
    """Give a reduced value (dy or y) back its reduced axes, of size one, so that it broadcasts against the input."""
    if d.attribute("keepdims") or not axes_of(d):
        return reduced
    return op.Unsqueeze(reduced, list(axes_of(d)))


def spread(d: Derivative) -> Value:
    """dy repeated over the axes that were reduced."""
    return op.Expand(restore(d, d.dy), shape_of(d.x))


def _reduction(function: Callable[..., Array]) -> Callable[..., Array]:
    """numpy's reduction with ONNX's arguments."""

    def evaluate(x: Array, axes: Array | None = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Array:
        if axes is None and noop_with_empty_axes:
            return x
        return np.asarray(function(x, axis=None if axes is None else tuple(axes), keepdims=bool(keepdims)), x.dtype)

    return evaluate


_X = np.array([[[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], [[1.25, 0.1, -0.4], [-2.0, 0.9, 1.6]]])


def _samples() -> list[Sample]:
    return [
        Sample((_X,), name="all axes"),
        Sample((_X, np.array([1])), {"keepdims": 0}, name="middle axis"),
        Sample((_X, np.array([-1, 0])), name="two axes, kept"),
    ]


_ATTRIBUTES = {"keepdims": 1, "noop_with_empty_axes": 0}

register(
    Operator(
        "ReduceSum",
        infer=reduce_type,
        gradients=(spread, AN_AXIS),
        evaluate=_reduction(np.sum),
        attributes=_ATTRIBUTES,
        samples=_samples,
    )
)
