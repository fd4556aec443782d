"""x + y · gate with one number a row: ONNX Runtime's contrib operator `GatedAdd`, on both providers from 1.30 on."""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Operator, Sample, TensorType, Value, apply, op, register
from .inference import require_float, require_same_dtype
from .matmul import CONTRIB


def _infer(call: Call) -> list[TensorType]:
    require_float(call)
    require_same_dtype(call, [call[0], call[1], call[2]])
    x, y, gate = call[0], call[1], call[2]
    if x.rank < 1 or x.shape != y.shape or gate.shape != (*x.shape[:-1], 1):
        raise call.error(
            f"needs x and y of one shape and one gate for each row, received {x.type}, {y.type} and {gate.type}"
        )
    return [TensorType(x.dtype, x.shape)]


def gated_add(x: Value, y: Value, gate: Value) -> Value:
    """x + y · gate for x and y of shape (…, columns) and `gate` of shape (…, 1), in one pass over memory."""
    return apply("GatedAdd", x, y, gate, domain=CONTRIB)[0]


def _evaluate(x: Array, y: Array, gate: Array) -> Array:
    return np.asarray(x + y * gate)


_X = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
_Y = np.array([[1.5, -0.5, 0.75], [-2.0, 1.25, 0.5]])
_GATE = np.array([[0.7], [-1.1]])

register(
    Operator(
        "GatedAdd",
        domain=CONTRIB,
        infer=_infer,
        gradients=(
            lambda d: d.dy,
            lambda d: d.dy * d[2],
            lambda d: op.ReduceSum(d.dy * d.b, [-1], keepdims=1),
        ),
        evaluate=_evaluate,
        samples=lambda: [
            Sample((_X, _Y, _GATE), name="rows"),
            Sample((np.stack([_X, _Y]), np.stack([_Y, _X]), np.stack([_GATE, -_GATE])), name="batch of rows"),
        ],
    )
)
