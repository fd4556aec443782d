"""Comparisons, logic, and selection by a condition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir import Array, Call, DType, NotDifferentiable, Operator, Sample, TensorType, op, register
from .inference import broadcast, logical, predicate, require_float, require_same_dtype

A_CONDITION = NotDifferentiable("it is a condition")
COMPARED = NotDifferentiable("a comparison is a step function")

_A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
_B = np.array([[0.5, -0.5, 0.75], [-2.0, 0.25, 0.5]])
_WHOLE = np.array([[7, -7, 5], [-5, 9, 4]])
_SPECIAL = np.array([[np.nan, np.inf, -np.inf], [0.0, 1.0, -2.0]])
_P = np.array([[True, False, True], [False, False, True]])
_Q = np.array([True, True, False])


def _compare(name: str, evaluate: Callable[..., Array]) -> None:
    register(
        Operator(
            name,
            infer=predicate,
            gradients=(COMPARED,),
            evaluate=evaluate,
            samples=lambda: [
                Sample((_A, _B), name="same shape"),
                Sample((_A, np.array(0.25)), name="scalar"),
                Sample((_WHOLE, np.array([[5], [4]])), name="int64"),
            ],
        )
    )


def _connective(name: str, evaluate: Callable[..., Array]) -> None:
    register(
        Operator(
            name,
            infer=logical,
            gradients=(A_CONDITION,),
            evaluate=evaluate,
            samples=lambda: [Sample((_P, ~_P[::-1]), name="same shape"), Sample((_P, _Q), name="row")],
        )
    )


def _infer_where(call: Call) -> list[TensorType]:
    condition, a, b = call[0], call[1], call[2]
    if condition.dtype is not DType.boolean:
        raise call.error(f"the condition must be boolean, received {condition.type}")
    require_same_dtype(call, [a, b])
    return [TensorType(a.dtype, broadcast(call, [condition, a, b]))]


def _infer_float_predicate(call: Call) -> list[TensorType]:
    require_float(call)
    return [TensorType(DType.boolean, call[0].shape)]


def _is_infinite(x: Array, detect_negative: int = 1, detect_positive: int = 1) -> Array:
    positive, negative = np.isposinf(x), np.isneginf(x)
    return np.asarray((positive & bool(detect_positive)) | (negative & bool(detect_negative)))


_compare("Equal", np.equal)
_compare("Greater", np.greater)
_compare("GreaterOrEqual", np.greater_equal)
_compare("Less", np.less)
_compare("LessOrEqual", np.less_equal)
_connective("And", np.logical_and)
_connective("Or", np.logical_or)
_connective("Xor", np.logical_xor)

register(
    Operator(
        "Not",
        infer=logical,
        gradients=(A_CONDITION,),
        evaluate=np.logical_not,
        samples=lambda: [Sample((_P,))],
    )
)
register(
    Operator(
        "Where",
        infer=_infer_where,
        gradients=(
            A_CONDITION,
            lambda d: op.Where(d[0], d.dy, 0),
            lambda d: op.Where(d[0], 0, d.dy),
        ),
        evaluate=lambda condition, a, b: np.where(condition, a, b),
        samples=lambda: [
            Sample((_P, _A, _B), name="same shape"),
            Sample((_P, _A, np.array(0.0)), name="scalar"),
            Sample((_Q, _A[:, :1], _B[0]), name="outer"),
            Sample((_P, _WHOLE, np.array(0)), name="int64"),
        ],
    )
)
register(
    Operator(
        "IsNaN",
        infer=_infer_float_predicate,
        gradients=(COMPARED,),
        evaluate=np.isnan,
        samples=lambda: [Sample((_SPECIAL,))],
    )
)
register(
    Operator(
        "IsInf",
        infer=_infer_float_predicate,
        gradients=(COMPARED,),
        evaluate=_is_infinite,
        attributes={"detect_negative": 1, "detect_positive": 1},
        samples=lambda: [
            Sample((_SPECIAL,)),
            Sample((_SPECIAL,), {"detect_negative": 0}, name="positive"),
            Sample((_SPECIAL,), {"detect_positive": 0}, name="negative"),
        ],
    )
)
