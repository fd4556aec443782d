"""Tensors that are made from a size: ConstantOfShape, Range, EyeLike."""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Dim, DType, NotDifferentiable, Operator, Sample, TensorType, register
from .shape_values import dims_of
from .shapes import A_SHAPE

A_BOUND = NotDifferentiable("it is a bound that is known when compiling")
_DTYPES = {dtype.code: dtype for dtype in DType}


def _infer_constant_of_shape(call: Call) -> list[TensorType]:
    dims, value = dims_of(call[0]), call.attribute("value")
    if dims is None:
        raise call.error("the shape is not known when compiling")
    if value.size != 1:
        raise call.error(f"the value must be one element, received {value.size}")
    return [TensorType(DType.of(value), dims)]


def _evaluate_constant_of_shape(shape: Array, value: Array) -> Array:
    return np.full(tuple(int(size) for size in shape), value.reshape(()), value.dtype)


def _infer_range(call: Call) -> list[TensorType]:
    dtype = call[0].dtype
    bounds = [call[index] for index in range(3)]
    if any(bound.rank != 0 or bound.dtype is not dtype for bound in bounds):
        raise call.error(f"needs three scalars of one dtype, received {', '.join(str(b.type) for b in bounds)}")
    return [TensorType(dtype, (_range_size(call),))]


def _range_size(call: Call) -> Dim:
    """max(⌈(limit - start) / delta⌉, 0)"""
    arrays = [call.constant(index) for index in range(3)]
    step = arrays[2]
    if step is not None and step == 0:
        raise call.error("a step of 0 goes nowhere")
    if all(array is not None for array in arrays):
        start, limit, delta = (array.item() for array in arrays if array is not None)
        return max(int(np.ceil((limit - start) / delta)), 0)
    first, last = dims_of(call[0]), dims_of(call[1])
    if first is None or last is None or step is None:
        raise call.error("the bounds are not known when compiling")
    each = int(step)
    distance = last[0] - first[0] if each > 0 else first[0] - last[0]
    return distance if abs(each) == 1 else (distance + (abs(each) - 1)) // abs(each)


def _infer_eye_like(call: Call) -> list[TensorType]:
    x, number = call[0], call.attribute("dtype")
    if x.rank != 2:
        raise call.error(f"needs two axes, received {x.type}")
    dtype = x.dtype if number is None else _DTYPES.get(number)
    if dtype is None:
        raise call.error(f"there is no element type number {number}")
    return [TensorType(dtype, x.shape)]


def _evaluate_eye_like(x: Array, dtype: int | None = None, k: int = 0) -> Array:
    return np.eye(x.shape[0], x.shape[1], k=k, dtype=x.dtype if dtype is None else _DTYPES[dtype].numpy)


register(
    Operator(
        "ConstantOfShape",
        infer=_infer_constant_of_shape,
        gradients=(A_SHAPE,),
        evaluate=_evaluate_constant_of_shape,
        attributes={"value": np.zeros(1, np.float32)},
        samples=lambda: [
            Sample((np.array([2, 3]),), name="zeros"),
            Sample((np.array([2, 3]),), {"value": np.array([7])}, name="int64"),
            Sample((np.array([], np.int64),), {"value": np.array([0.5], np.float32)}, name="scalar"),
        ],
    )
)
register(
    Operator(
        "Range",
        infer=_infer_range,
        gradients=(A_BOUND,),
        evaluate=lambda start, limit, delta: np.arange(start, limit, delta, dtype=start.dtype),
        samples=lambda: [
            Sample((np.array(0), np.array(5), np.array(1)), name="up"),
            Sample((np.array(7), np.array(-2), np.array(-4)), name="down in fours"),
            Sample((np.array(3), np.array(3), np.array(1)), name="empty"),
        ],
    )
)
register(
    Operator(
        "EyeLike",
        infer=_infer_eye_like,
        gradients=(A_SHAPE,),
        evaluate=_evaluate_eye_like,
        attributes={"dtype": None, "k": 0},
        samples=lambda: [
            Sample((np.zeros((3, 4)),), name="rectangular"),
            Sample((np.zeros((3, 3)),), {"k": -1, "dtype": DType.int64.code}, name="below the diagonal, int64"),
        ],
    )
)
