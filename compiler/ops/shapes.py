"""Operators that only rearrange: reshape, expand, and the shape itself; with helpers for target shapes.

ONNX Runtime reads shapes on the host, so a target shape is a constant whenever it can be. With symbolic dimensions it
is computed by `Shape`, which folds to a constant once a session fixes those dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir import (
    Array,
    Call,
    Dim,
    DType,
    NotDifferentiable,
    Operator,
    Sample,
    Shape,
    TensorType,
    Value,
    constant,
    divide_exactly,
    is_static,
    op,
    product,
    register,
    shape_text,
)
from .inference import broadcast_shapes

A_SHAPE = NotDifferentiable("it is a shape")


def shape_of(value: Value) -> Value:
    """The shape of a value as an int64 vector: a constant when it is static."""
    if is_static(value.shape):
        return constant(np.array(value.shape, dtype=np.int64))
    return op.Shape(value)


def reshape(value: Value, shape: Sequence[Dim]) -> Value:
    """Reshape to known dimensions, of which at most one may be symbolic unless it stays at its axis.

    With further symbolic dimensions use `op.Reshape(value, shape_of(other))`.
    """
    return op.Reshape(value, reshape_target(value.shape, tuple(shape)))


def reshape_target(source: Shape, target: Shape) -> Array:
    """ONNX's shape input for a reshape: sizes, 0 for a symbolic dimension that stays in place, one -1."""
    numbers: list[int] = []
    inferred = 0
    for axis, dim in enumerate(target):
        if isinstance(dim, int):
            numbers.append(dim)
        elif axis < len(source) and source[axis] == dim:
            numbers.append(0)
        else:
            numbers.append(-1)
            inferred += 1
    if inferred > 1:
        raise ValueError(f"cannot write the reshape {shape_text(source)} to {shape_text(target)} as a constant")
    return np.array(numbers, dtype=np.int64)


def _infer_reshape(call: Call) -> list[TensorType]:
    x, shape = call[0], call.constant(1)
    if shape is None:
        dims = _dims_of_shape_value(call[1])
        if dims is None:
            raise call.error("the target shape is not known when compiling")
        if product(dims) != product(x.shape):
            raise call.error(f"cannot reshape {shape_text(x.shape)} to {shape_text(dims)}: the sizes differ")
        return [TensorType(x.dtype, dims)]
    target: list[Dim] = [x.shape[i] if size == 0 else int(size) for i, size in enumerate(shape)]
    if -1 in target:
        known = product(dim for dim in target if dim != -1)
        rest = divide_exactly(product(x.shape), known)
        if rest is None:
            raise call.error(f"cannot reshape {shape_text(x.shape)} to {shape_text(target)}: not divisible by {known}")
        target[target.index(-1)] = rest
    if product(target) != product(x.shape):
        raise call.error(
            f"cannot reshape {shape_text(x.shape)} to {shape_text(target)}: "
            f"{product(x.shape)} elements do not make {product(target)}"
        )
    return [TensorType(x.dtype, tuple(target))]


def _dims_of_shape_value(value: Value) -> Shape | None:
    """The dimensions that an int64 vector stands for: a constant, a `Shape` node, or a `Concat` of such."""
    if value.constant is not None:
        return tuple(int(size) for size in value.constant)
    node = value.node
    if node is None:
        return None
    if node.op_type == "Shape" and node.inputs[0] is not None:
        start, end = node.attribute("start"), node.optional_attribute("end")
        return node.inputs[0].shape[start:end]
    if node.op_type == "Concat":
        parts = [_dims_of_shape_value(part) for part in node.given_inputs]
        return None if None in parts else tuple(dim for part in parts if part is not None for dim in part)
    return None


def _infer_expand(call: Call) -> list[TensorType]:
    dims = _dims_of_shape_value(call[1])
    if dims is None:
        raise call.error("the target shape is not known when compiling")
    return [TensorType(call[0].dtype, broadcast_shapes(call, [call[0].shape, dims]))]


def _infer_shape(call: Call) -> list[TensorType]:
    dims = call[0].shape[call.attribute("start") : call.attribute("end")]
    return [TensorType(DType.int64, (len(dims),))]


def _evaluate_reshape(x: Array, shape: Array, allowzero: int = 0) -> Array:  # noqa: ARG001
    return x.reshape([x.shape[i] if size == 0 else int(size) for i, size in enumerate(shape)])


_X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.5

register(
    Operator(
        "Reshape",
        infer=_infer_reshape,
        gradients=(lambda d: op.Reshape(d.dy, shape_of(d.x)), A_SHAPE),
        evaluate=_evaluate_reshape,
        attributes={"allowzero": 0},
        samples=lambda: [
            Sample((_X, np.array([6, 4]))),
            Sample((_X, np.array([0, -1])), name="keep the first axis"),
            Sample((_X, np.array([24])), name="flatten"),
        ],
    )
)
register(
    Operator(
        "Expand",
        infer=_infer_expand,
        gradients=(lambda d: d.dy, A_SHAPE),  # the driver sums over the axes that were repeated
        evaluate=lambda x, shape: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape))),
        samples=lambda: [
            Sample((_X[:, :1], np.array([2, 3, 4]))),
            Sample((_X[0], np.array([2, 3, 4])), name="new axis"),
        ],
    )
)
register(
    Operator(
        "Shape",
        infer=_infer_shape,
        gradients=(A_SHAPE,),
        evaluate=lambda x, start=0, end=None: np.array(x.shape[start:end], dtype=np.int64),
        attributes={"start": 0, "end": None},
        samples=lambda: [Sample((_X,)), Sample((_X,), {"start": 1, "end": 2}, name="one axis")],
    )
)
