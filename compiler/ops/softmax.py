"""Softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .inference import normalize_axis, require_float

_X = np.array([[[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], [[1.25, 0.1, -0.4], [-2.0, 0.9, 1.6]]])


def _infer(call: Call) -> list[TensorType]:
    require_float(call)
    normalize_axis(call, call.attribute("axis"), call[0].rank)
    return [call[0].type]


def _sum(d: Derivative, value: Value) -> Value:
    return op.ReduceSum(value, [d.attribute("axis")], keepdims=1)


def _softmax_gradient(d: Derivative) -> Value:
    """(dy − Σ dy·y)·y."""
    return (d.dy - _sum(d, d.dy * d.y)) * d.y


def _log_softmax(x: Array, axis: int = -1) -> Array:
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


def _samples() -> list[Sample]:
    return [
        Sample((_X,), name="last axis"),
        Sample((_X,), {"axis": 1}, name="middle axis"),
        Sample((_X[0] + 80,), {"axis": 0}, name="large"),
    ]


register(
    Operator(
        "Softmax",
        infer=_infer,
        gradients=(_softmax_gradient,),
        evaluate=lambda x, axis=-1: np.exp(_log_softmax(x, axis)),
        attributes={"axis": -1},
        samples=_samples,
    )
)
register(
    Operator(
        "LogSoftmax",
        infer=_infer,
        gradients=(lambda d: d.dy - op.Exp(d.y) * _sum(d, d.dy),),
        evaluate=_log_softmax,
        attributes={"axis": -1},
        samples=_samples,
    )
)
