"""Elementwise extrema, bounds, and step functions.

Inputs that tie for the extremum share the gradient evenly, as in PyTorch and JAX; the shares sum to dy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from ..ir import Array, Call, Derivative, NotDifferentiable, Operator, Sample, TensorType, Value, op, register
from .cast import cast
from .inference import elementwise, float_same_as_first, require_same_dtype, same_as_first

A_STEP = NotDifferentiable("it is a step function")
A_BOUND = NotDifferentiable("there is no rule for the bounds of Clip; Max and Min have one", stops=False)

_A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
_B = np.array([[1.5, -0.5, 0.75], [-2.0, 1.25, 0.5]])
_ROW = np.array([0.7, -1.1, 1.3])
_WHOLE = np.array([[7, -7, 5], [-5, 9, 4]])


def attains(x: Value, extremum: Value) -> Value:
    """1 where x equals the extremum, else 0, in the dtype of x."""
    return cast(op.Equal(x, extremum), x.dtype)


def _even_share(d: Derivative) -> Value:
    winners = [attains(d[index], d.y) for index in range(len(d.inputs))]
    return d.dy * (winners[d.i] / reduce(lambda a, b: a + b, winners))


def _left_fold(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda *arrays: np.asarray(reduce(function, arrays))


def _extremum_samples() -> list[Sample]:
    return [
        Sample((_A, _B), name="two"),
        Sample((_A, _ROW, np.array(0.1)), name="broadcast"),
        Sample((_A,), name="one"),
        Sample((_WHOLE, np.array(3)), name="int64"),
    ]


def _infer_clip(call: Call) -> list[TensorType]:
    bounds = [bound for bound in (call.optional(1), call.optional(2)) if bound is not None]
    require_same_dtype(call, [call[0], *bounds])
    for bound in bounds:
        if bound.shape != ():
            raise call.error(f"a bound must be a scalar, received {bound.type}")
    return [call[0].type]


def _clip_gradient(d: Derivative) -> Value:
    """dy inside the bounds and on them, as in PyTorch."""
    low, high = d.optional(1), d.optional(2)
    above = None if low is None else op.GreaterOrEqual(d.x, low)
    below = None if high is None else op.LessOrEqual(d.x, high)
    if above is not None and below is not None:
        return op.Where(op.And(above, below), d.dy, 0)
    inside = above or below
    return d.dy if inside is None else op.Where(inside, d.dy, 0)


def _clip(x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


register(
    Operator(
        "Max",
        infer=elementwise,
        gradients=(_even_share,),
        evaluate=_left_fold(np.maximum),
        samples=_extremum_samples,
    )
)
register(
    Operator(
        "Min",
        infer=elementwise,
        gradients=(_even_share,),
        evaluate=_left_fold(np.minimum),
        samples=_extremum_samples,
    )
)
register(
    Operator(
        "Clip",
        infer=_infer_clip,
        gradients=(_clip_gradient, A_BOUND, A_BOUND),
        evaluate=_clip,
        samples=lambda: [
            Sample((_A, np.array(-1.0), np.array(0.8)), differentiable=(0,), name="both"),
            Sample((_A, np.array(-1.0)), differentiable=(0,), name="below"),
            Sample((_A, None, np.array(0.8)), differentiable=(0,), name="above"),
            Sample((_A,), name="no bounds"),
            Sample((_A, np.array(-1.0), np.array(0.8)), differentiable=(1,), name="by a bound"),
            Sample((_WHOLE, np.array(-3), np.array(6)), name="int64"),
        ],
    )
)
register(
    Operator(
        "Sign",
        infer=same_as_first,
        gradients=(A_STEP,),
        evaluate=np.sign,
        samples=lambda: [Sample((np.array([1.5, -0.2, 0.0]),), differentiable=()), Sample((_A,), name="derivative")],
    )
)
register(
    Operator(
        "Floor",
        infer=float_same_as_first,
        gradients=(A_STEP,),
        evaluate=np.floor,
        samples=lambda: [Sample((np.array([1.5, -0.2, 3.4, -2.7]),))],
    )
)
register(
    Operator(
        "Ceil",
        infer=float_same_as_first,
        gradients=(A_STEP,),
        evaluate=np.ceil,
        samples=lambda: [Sample((np.array([1.5, -0.2, 3.4, -2.7]),))],
    )
)
register(
    Operator(
        "Round",  # halves go to the even neighbour
        infer=float_same_as_first,
        gradients=(A_STEP,),
        evaluate=np.round,
        samples=lambda: [
            Sample((np.array([1.4, -0.2, 3.7, -2.8]),)),
            Sample((np.array([0.5, 1.5, 2.5, -0.5]),), differentiable=(), name="halves"),
        ],
    )
)
