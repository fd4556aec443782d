"""Sums, products, quotients, powers and remainders."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .cast import cast
from .inference import broadcast, elementwise, float_same_as_first, same_as_first

_A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
_B = np.array([[1.5, -0.5, 0.75], [-2.0, 1.25, 0.5]])
_ROW = np.array([0.7, -1.1, 1.3])
_WHOLE = np.array([[7, -7, 5], [-5, 9, 4]])


def _pairs() -> list[Sample]:
    return [
        Sample((_A, _B), name="same shape"),
        Sample((_A, _ROW), name="row"),
        Sample((_ROW, _A), name="row first"),
        Sample((_A, np.array(1.7)), name="scalar"),
        Sample((_A[:, :1], _ROW), name="outer"),
        Sample((_WHOLE, np.array([2, 2, -3])), name="int64"),
        Sample((_WHOLE.astype(np.int32), np.array([[3], [2]], np.int32)), name="int32"),
    ]


def _divide(a: Array, b: Array) -> Array:
    """Quotients of integers are cut towards zero, as in C."""
    if np.issubdtype(a.dtype, np.floating):
        return np.asarray(a / b)
    quotient = np.abs(a) // np.abs(b)
    return np.asarray(np.where((a < 0) == (b < 0), quotient, -quotient), a.dtype)


def _infer_power(call: Call) -> list[TensorType]:
    """The exponent may have a dtype of its own."""
    return [TensorType(call[0].dtype, broadcast(call, [call[0], call[1]]))]


def _power_by_base(d: Derivative) -> Value | None:
    """b·aᵇ⁻¹, without a power for the common constants; the derivative of a⁰ is zero also at a = 0."""
    exponent = None if d.b.constant is None or d.b.constant.size != 1 else float(d.b.constant.item())
    if exponent == 0:
        return None
    if exponent == 1:
        return d.dy
    if exponent == 2:
        return d.dy * (2 * d.a)
    if exponent is not None:
        return d.dy * (op.Pow(d.a, exponent - 1) * exponent)
    b = cast(d.b, d.a.dtype)
    return d.dy * op.Where(op.Equal(b, 0), 0, b * op.Pow(d.a, b - 1))


def _power_by_exponent(d: Derivative) -> Value:
    """aᵇ·ln a, which is 0 at a = 0; there is none for a < 0 (NaN)."""
    return d.dy * (d.y * op.Log(op.Where(op.Equal(d.a, 0), 1, d.a)))


def _power(a: Array, b: Array) -> Array:
    return np.asarray(np.power(a, b.astype(a.dtype)), a.dtype)


def _remainder(a: Array, b: Array, fmod: int = 0) -> Array:
    """With the sign of the divisor, or with `fmod` that of the dividend."""
    return np.asarray(np.fmod(a, b) if fmod else np.mod(a, b))


def _infer_remainder(call: Call) -> list[TensorType]:
    if call[0].dtype.is_float and not call.attribute("fmod"):
        raise call.error(f"floating-point inputs such as {call[0].type} need fmod=1")
    return elementwise(call)


def _left_fold(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda *arrays: np.asarray(reduce(function, arrays))


register(
    Operator(
        "Add",
        infer=elementwise,
        gradients=(lambda d: d.dy, lambda d: d.dy),
        evaluate=np.add,
        samples=_pairs,
    )
)
register(
    Operator(
        "Sub",
        infer=elementwise,
        gradients=(lambda d: d.dy, lambda d: -d.dy),
        evaluate=np.subtract,
        samples=_pairs,
    )
)
register(
    Operator(
        "Mul",
        infer=elementwise,
        gradients=(lambda d: d.dy * d.b, lambda d: d.dy * d.a),
        evaluate=np.multiply,
        samples=_pairs,
    )
)
register(
    Operator(
        "Div",
        infer=elementwise,
        gradients=(lambda d: d.dy / d.b, lambda d: -(d.dy / d.b) * d.y),
        evaluate=_divide,
        samples=_pairs,
    )
)
register(
    Operator(
        "Sum",
        infer=elementwise,
        gradients=(lambda d: d.dy,),
        evaluate=_left_fold(np.add),
        samples=lambda: [
            Sample((_A, _ROW, np.array(1.7)), name="three"),
            Sample((_A,), name="one"),
        ],
    )
)
register(
    Operator(
        "Mod",
        infer=_infer_remainder,
        # a = b·trunc(a/b) + y
        gradients=(lambda d: d.dy, lambda d: -d.dy * op.Round((d.a - d.y) / d.b)),
        evaluate=_remainder,
        attributes={"fmod": 0},
        samples=lambda: [
            Sample((_A * 3, _ROW), {"fmod": 1}, name="float"),
            Sample((_WHOLE, np.array([3, 3, -3])), name="sign of the divisor"),
            Sample((_WHOLE, np.array([3, 3, -3])), {"fmod": 1}, name="sign of the dividend"),
        ],
    )
)
register(
    Operator(
        "Pow",
        infer=_infer_power,
        gradients=(_power_by_base, _power_by_exponent),
        evaluate=_power,
        samples=lambda: [
            Sample((np.abs(_A), _B), name="positive base"),
            Sample((np.abs(_ROW), _A), name="broadcast"),
            Sample((_A, np.array([[2, 3, 2], [1, 0, -1]])), name="integer exponents"),
            Sample((_A, np.array(3.0)), differentiable=(0,), name="cube"),
        ],
    )
)
register(
    Operator(
        "Neg",
        infer=same_as_first,
        gradients=(lambda d: -d.dy,),
        evaluate=np.negative,
        samples=lambda: [Sample((_A,)), Sample((_WHOLE,), name="int64")],
    )
)
register(
    Operator(
        "Abs",
        infer=same_as_first,
        gradients=(lambda d: d.dy * op.Sign(d.x),),
        evaluate=np.abs,
        samples=lambda: [Sample((_A,)), Sample((_WHOLE,), name="int64")],
    )
)
register(
    Operator(
        "Reciprocal",
        infer=float_same_as_first,
        gradients=(lambda d: -d.dy * (d.y * d.y),),
        evaluate=lambda x: np.asarray(1 / x),
        samples=lambda: [Sample((_A,))],
    )
)
register(
    Operator(
        "Sqrt",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy / (2 * d.y),),
        evaluate=np.sqrt,
        samples=lambda: [Sample((np.abs(_A),))],
    )
)
