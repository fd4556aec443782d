"""Softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .inference import normalize_axis, require_float
from .shapes import permutation

_X = np.array([[[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], [[1.25, 0.1, -0.4], [-2.0, 0.9, 1.6]]])


def _infer(call: Call) -> list[TensorType]:
    require_float(call)
    normalize_axis(call, call.attribute("axis"), call[0].rank)
    return [call[0].type]


def _sum(d: Derivative, value: Value) -> Value:
    return op.ReduceSum(value, [d.attribute("axis")], keepdims=1)


def _softmax_gradient(d: Derivative) -> Value:
    """(dy − Σ dy·y)·y."""
    total = _sum_over_values(d)
    return (d.dy - (_sum(d, d.dy * d.y) if total is None else total)) * d.y


def _sum_over_values(d: Derivative) -> Value | None:
    """Σ dy·y for weights y of keys that only average values v: dy = g·vᵀ, so it is Σ g·(y·v), over the features of a
    value instead of all keys (Dao, FlashAttention-2, 2023); the forward pass has made y·v. None for other uses."""
    product = d.dy.node
    if (
        product is None
        or product.op_type != "MatMul"
        or product.domain
        or d.attribute("axis") not in (-1, d.y.rank - 1)
    ):
        return None
    g, transposed = product.given_inputs
    values = transposed.node
    last_two = (*range(d.y.rank - 2), d.y.rank - 1, d.y.rank - 2)
    if values is None or values.op_type != "Transpose" or permutation(values) != last_two:
        return None
    v = values.given_inputs[0]
    features, keys = v.shape[-1], d.y.shape[-1]
    if not isinstance(features, int) or (isinstance(keys, int) and keys <= features):
        return None
    return op.ReduceSum(g * (d.y @ v), [-1], keepdims=1)


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
