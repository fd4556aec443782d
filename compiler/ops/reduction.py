"""Reductions over axes.

Elements that tie for a maximum or minimum share the gradient evenly, as in PyTorch's `amax`; the shares sum to dy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..ir import (
    Array,
    Call,
    Derivative,
    Operator,
    Sample,
    Shape,
    TensorType,
    Value,
    op,
    product,
    register,
)
from .cast import cast
from .extremum import attains
from .inference import normalize_axes, require_float
from .shape_values import shape_value
from .shapes import AN_AXIS, shape_of


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
    """The axes to reduce over, ascending."""
    axes = np.array([], np.int64) if call.optional(1) is None else call.constant(1)
    if axes is None:
        raise call.error("the axes are not known when compiling")
    if not axes.size and call.attribute("noop_with_empty_axes"):
        raise call.error("noop_with_empty_axes=1 without axes reduces nothing; leave the node out")
    return normalize_axes(call, [int(axis) for axis in axes], x.rank) if axes.size else tuple(range(x.rank))


def axes_of(d: Derivative) -> tuple[int, ...]:
    """The axes that the differentiated operator reduced over."""
    axes = d.optional(1)
    if axes is None or axes.constant is None or not axes.constant.size:
        return tuple(range(d.x.rank))
    return tuple(int(axis) % d.x.rank for axis in axes.constant)


def restore(d: Derivative, reduced: Value) -> Value:
    """Give a reduced value (dy or y) back its axes, of size one, so that it broadcasts against the input.

    A scalar does so already.
    """
    if d.attribute("keepdims") or not reduced.rank:
        return reduced
    return op.Unsqueeze(reduced, list(axes_of(d)))


def spread(d: Derivative) -> Value:
    """dy repeated over the axes that were reduced."""
    return op.Expand(restore(d, d.dy), shape_of(d.x))


def count(x: Value, axes: Sequence[int]) -> Value | float:
    """How many elements lie along the axes: a number, or a vector of one in the dtype of x when symbols decide."""
    size = product(x.shape[axis] for axis in axes)
    return float(size) if isinstance(size, int) else cast(shape_value((size,), x), x.dtype)


def _mean_gradient(d: Derivative) -> Value:
    return op.Expand(restore(d, d.dy) / count(d.x, axes_of(d)), shape_of(d.x))


def _even_share(d: Derivative) -> Value:
    winners = attains(d.x, restore(d, d.y))
    return winners * (restore(d, d.dy) / _kept_sum(d, winners))


def _kept_sum(d: Derivative, value: Value) -> Value:
    return op.ReduceSum(value, list(axes_of(d)), keepdims=1)


def _product_gradient(d: Derivative) -> Value:
    """dy times the product of the other elements, also where some are zero.

    The second derivative is that of the branch taken: right wherever no element is zero.
    """
    axes = list(axes_of(d))
    is_zero = op.Equal(d.x, 0)
    nonzero = op.Where(is_zero, 1, d.x)
    others = op.ReduceProd(nonzero, axes, keepdims=1) / nonzero
    zeros_elsewhere = _kept_sum(d, cast(is_zero, d.x.dtype)) - cast(is_zero, d.x.dtype)
    return op.Where(op.Equal(zeros_elsewhere, 0), restore(d, d.dy) * others, 0)


def _norm_gradient(d: Derivative) -> Value:
    """dy·x/‖x‖, and 0 where the norm is 0, as in PyTorch."""
    y = restore(d, d.y)
    return d.x * (restore(d, d.dy) / op.Where(op.Equal(y, 0), 1, y))


def _reduction(function: Callable[..., Array]) -> Callable[..., Array]:
    """ONNX's arguments for `function(x, axis=…, keepdims=…)`."""

    def evaluate(x: Array, axes: Array | None = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Array:  # noqa: ARG001
        given = axes is not None and axes.size
        chosen = tuple(int(axis) for axis in axes) if axes is not None and given else tuple(range(x.ndim))
        return np.asarray(function(x, axis=chosen, keepdims=bool(keepdims)), x.dtype)

    return evaluate


def _log_sum_exp(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
    top = np.max(x, axis=axis, keepdims=True)
    result = top + np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
    return np.asarray(result if keepdims else np.squeeze(result, axis))


def _float_reduction(call: Call) -> list[TensorType]:
    require_float(call)
    return reduce_type(call)


_X = np.array([[[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], [[1.25, 0.1, -0.4], [-2.0, 0.9, 1.6]]])
_WHOLE = np.array([[7, -7, 5], [-5, 9, 4]], np.int32)


def _cases(x: Array) -> list[Sample]:
    return [
        Sample((x,), name="all axes"),
        Sample((x,), {"keepdims": 0}, name="to a scalar"),
        Sample((x, np.array([1])), {"keepdims": 0}, name="middle axis"),
        Sample((x, np.array([-1, 0])), name="two axes kept"),
        Sample((x, np.array([2, 0])), {"keepdims": 0}, name="two axes dropped"),
    ]


def _samples() -> list[Sample]:
    return _cases(_X)


def _positive_samples() -> list[Sample]:
    return _cases(np.abs(_X))


def _samples_with_integers() -> list[Sample]:
    return [*_cases(_X), Sample((_WHOLE, np.array([1])), name="int32")]


_ATTRIBUTES = {"keepdims": 1, "noop_with_empty_axes": 0}

register(
    Operator(
        "ReduceSum",
        infer=reduce_type,
        gradients=(spread, AN_AXIS),
        evaluate=_reduction(np.sum),
        attributes=_ATTRIBUTES,
        samples=lambda: [*_samples_with_integers(), Sample((_WHOLE.astype(np.int64),), name="int64")],
    )
)
register(
    Operator(
        "ReduceMean",
        infer=_float_reduction,
        gradients=(_mean_gradient, AN_AXIS),
        evaluate=_reduction(np.mean),
        attributes=_ATTRIBUTES,
        samples=_samples,
    )
)
register(
    Operator(
        "ReduceMax",
        infer=reduce_type,
        gradients=(_even_share, AN_AXIS),
        evaluate=_reduction(np.max),
        attributes=_ATTRIBUTES,
        samples=_samples_with_integers,
    )
)
register(
    Operator(
        "ReduceMin",
        infer=reduce_type,
        gradients=(_even_share, AN_AXIS),
        evaluate=_reduction(np.min),
        attributes=_ATTRIBUTES,
        samples=_samples_with_integers,
    )
)
register(
    Operator(
        "ReduceProd",
        infer=reduce_type,
        gradients=(_product_gradient, AN_AXIS),
        evaluate=_reduction(np.prod),
        attributes=_ATTRIBUTES,
        samples=lambda: [
            *_samples_with_integers(),
            Sample((np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.5]]), np.array([1])), second_order=False, name="zeros"),
        ],
    )
)
register(
    Operator(
        "ReduceL1",
        infer=reduce_type,
        gradients=(lambda d: restore(d, d.dy) * op.Sign(d.x), AN_AXIS),
        evaluate=_reduction(lambda x, **where: np.sum(np.abs(x), **where)),
        attributes=_ATTRIBUTES,
        samples=_samples,
    )
)
register(
    Operator(
        "ReduceL2",
        infer=_float_reduction,
        gradients=(_norm_gradient, AN_AXIS),
        evaluate=_reduction(lambda x, **where: np.sqrt(np.sum(x * x, **where))),
        attributes=_ATTRIBUTES,
        samples=_samples,
    )
)
register(
    Operator(
        "ReduceSumSquare",
        infer=_float_reduction,
        gradients=(lambda d: d.x * (restore(d, d.dy) * 2), AN_AXIS),
        evaluate=_reduction(lambda x, **where: np.sum(x * x, **where)),
        attributes=_ATTRIBUTES,
        samples=_samples,
    )
)
register(
    Operator(
        "ReduceLogSum",
        infer=_float_reduction,
        gradients=(lambda d: op.Expand(restore(d, d.dy * op.Exp(-d.y)), shape_of(d.x)), AN_AXIS),
        evaluate=_reduction(lambda x, **where: np.log(np.sum(x, **where))),
        attributes=_ATTRIBUTES,
        samples=_positive_samples,
    )
)
register(
    Operator(
        "ReduceLogSumExp",
        infer=_float_reduction,
        gradients=(lambda d: restore(d, d.dy) * op.Exp(d.x - restore(d, d.y)), AN_AXIS),
        evaluate=_reduction(_log_sum_exp),
        attributes=_ATTRIBUTES,
        samples=lambda: [*_samples(), Sample((_X[0] + 90, np.array([1])), second_order=False, name="large")],
    )
)
