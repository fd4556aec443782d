"""Operators along one axis: where the extremum is, and running sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import Array, Call, Derivative, DType, NotDifferentiable, Operator, Sample, TensorType, Value, op, register
from .inference import normalize_axis
from .shapes import AN_AXIS

A_POSITION = NotDifferentiable("the position of an extremum is a step function")

_X = np.array([[[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], [[1.25, 0.1, -0.4], [-2.0, 0.9, 1.6]]])
_TIED = np.array([[2.0, 1.0, 2.0], [0.5, 0.5, -1.0]])


def _infer_position(call: Call) -> list[TensorType]:
    x = call[0]
    axis = normalize_axis(call, call.attribute("axis"), x.rank)
    kept = (1,) if call.attribute("keepdims") else ()
    return [TensorType(DType.int64, (*x.shape[:axis], *kept, *x.shape[axis + 1 :]))]


def _position(function: Callable[..., Array]) -> Callable[..., Array]:
    """numpy's argmax or argmin, which find the first, with ONNX's arguments."""

    def evaluate(x: Array, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Array:
        if not select_last_index:
            return np.asarray(function(x, axis=axis, keepdims=bool(keepdims)), np.int64)
        last = function(np.flip(x, axis), axis=axis, keepdims=bool(keepdims))
        return np.asarray(x.shape[axis] - 1 - last, np.int64)

    return evaluate


def _position_samples() -> list[Sample]:
    return [
        Sample((_X,), name="first axis"),
        Sample((_X,), {"axis": -1, "keepdims": 0}, name="last axis dropped"),
        Sample((_TIED,), {"axis": 1}, name="ties"),
        Sample((_TIED,), {"axis": 1, "select_last_index": 1}, name="last of ties"),
    ]


def _infer_running_sum(call: Call) -> list[TensorType]:
    if call[1].shape not in ((), (1,)):
        raise call.error(f"the axis must be a scalar, received {call[1].type}")
    axis = call.constant(1)
    if axis is not None:
        normalize_axis(call, int(axis.item()), call[0].rank)
    return [call[0].type]


def _running_sum_gradient(d: Derivative) -> Value:
    """Each element is in the sums after it: the running sum of dy from the other end."""
    return op.CumSum(d.dy, d.b, exclusive=d.attribute("exclusive"), reverse=1 - d.attribute("reverse"))


def _running_sum(x: Array, axis: Array, exclusive: int = 0, reverse: int = 0) -> Array:
    along = int(axis.item())
    y = np.flip(x, along) if reverse else x
    sums = np.cumsum(y, axis=along, dtype=x.dtype)
    sums = sums - y if exclusive else sums
    return np.flip(sums, along) if reverse else sums


register(
    Operator(
        "ArgMax",
        infer=_infer_position,
        gradients=(A_POSITION,),
        evaluate=_position(np.argmax),
        attributes={"axis": 0, "keepdims": 1, "select_last_index": 0},
        samples=_position_samples,
    )
)
register(
    Operator(
        "ArgMin",
        infer=_infer_position,
        gradients=(A_POSITION,),
        evaluate=_position(np.argmin),
        attributes={"axis": 0, "keepdims": 1, "select_last_index": 0},
        samples=_position_samples,
    )
)
register(
    Operator(
        "CumSum",
        infer=_infer_running_sum,
        gradients=(_running_sum_gradient, AN_AXIS),
        evaluate=_running_sum,
        attributes={"exclusive": 0, "reverse": 0},
        samples=lambda: [
            Sample((_X, np.array(1)), name="middle axis"),
            Sample((_X, np.array(-1)), {"exclusive": 1}, name="exclusive"),
            Sample((_X, np.array(0)), {"reverse": 1}, name="reverse"),
            Sample((_X, np.array(2)), {"exclusive": 1, "reverse": 1}, name="exclusive reverse"),
            Sample((np.arange(6).reshape(2, 3), np.array(1)), name="int64"),
        ],
    )
)
