"""Conversions between element types."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..ir import REQUIRED, Array, Call, DType, NotDifferentiable, Operator, Sample, TensorType, Value, op, register

ONNX_TYPES: Final = {dtype: dtype.code for dtype in DType}
"""The numbers of `TensorProto.DataType`, which the attribute `to` holds."""

_DTYPES: Final = {number: dtype for dtype, number in ONNX_TYPES.items()}


def cast(value: Value, dtype: DType) -> Value:
    """The value in another element type; the value itself when it has it already."""
    return value if value.dtype is dtype else op.Cast(value, to=ONNX_TYPES[dtype])


def _infer_cast(call: Call) -> list[TensorType]:
    dtype = _DTYPES.get(call.attribute("to"))
    if dtype is None:
        raise call.error(f"there is no element type number {call.attribute('to')}")
    return [TensorType(dtype, call[0].shape)]


def _cast(x: Array, to: int, saturate: int = 1) -> Array:  # noqa: ARG001  (saturation concerns 8-bit floats)
    return _converted(x, _DTYPES[to].numpy)


def _converted(x: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(invalid="ignore"):  # NaN to an integer is undefined in ONNX as well
        return x.astype(dtype)


_X = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])

register(
    Operator(
        "Cast",
        infer=_infer_cast,
        gradients=(lambda d: cast(d.dy, d.x.dtype),),
        evaluate=_cast,
        attributes={"to": REQUIRED, "saturate": 1},
        samples=lambda: [
            Sample((_X * 3,), {"to": ONNX_TYPES[DType.int64]}, name="float to int64"),
            Sample((_X,), {"to": ONNX_TYPES[DType.boolean]}, name="float to bool"),
            Sample((_X > 0,), {"to": ONNX_TYPES[DType.float32]}, name="bool to float32"),
            Sample((np.array([1, -2, 300]),), {"to": ONNX_TYPES[DType.float32]}, name="int64 to float32"),
            Sample((np.array([1, -2, 300]),), {"to": ONNX_TYPES[DType.int32]}, name="int64 to int32"),
            Sample((np.array([1, 2**31], np.uint32),), {"to": ONNX_TYPES[DType.float32]}, name="uint32 to float32"),
            Sample((_X,), {"to": ONNX_TYPES[DType.float64]}, name="to float64"),
        ],
    )
)
register(
    Operator(
        "CastLike",
        infer=lambda call: [TensorType(call[1].dtype, call[0].shape)],
        gradients=(lambda d: cast(d.dy, d.x.dtype), NotDifferentiable("only its dtype matters")),
        evaluate=lambda x, like, saturate=1: _converted(x, like.dtype),  # noqa: ARG005
        attributes={"saturate": 1},
        samples=lambda: [
            Sample((_X, np.array(1.0)), name="float to float"),
            Sample((np.array([1, -2, 300]), _X), name="int64 to float"),
        ],
    )
)
