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
    Derivative,
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
from .inference import broadcast_shapes, normalize_axes, same_as_first

A_SHAPE = NotDifferentiable("it is a shape")
AN_AXIS = NotDifferentiable("it is an axis")


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


def _constant_axes(call: Call, rank: int) -> tuple[int, ...]:
    axes = call.constant(1)
    if axes is None:
        raise call.error("the axes are not known when compiling")
    return normalize_axes(call, [int(axis) for axis in axes], rank)


def _infer_unsqueeze(call: Call) -> list[TensorType]:
    axes_input = call[1].constant
    rank = call[0].rank + (0 if axes_input is None else axes_input.size)
    axes = _constant_axes(call, rank)
    rest = iter(call[0].shape)
    return [TensorType(call[0].dtype, tuple(1 if axis in axes else next(rest) for axis in range(rank)))]


def _infer_squeeze(call: Call) -> list[TensorType]:
    x = call[0]
    if call.optional(1) is None:
        if not is_static(x.shape):
            raise call.error(f"needs axes for the shape {shape_text(x.shape)}: a symbolic dimension may turn out as 1")
        return [TensorType(x.dtype, tuple(dim for dim in x.shape if dim != 1))]
    axes = _constant_axes(call, x.rank)
    for axis in axes:
        if x.shape[axis] != 1:
            raise call.error(f"axis {axis} of {shape_text(x.shape)} is not of size 1")
    return [TensorType(x.dtype, tuple(dim for axis, dim in enumerate(x.shape) if axis not in axes))]


def _squeezed_axes(d: Derivative) -> list[int]:
    axes = d.optional(1)
    if axes is None:
        return [axis for axis, dim in enumerate(d.x.shape) if dim == 1]
    assert axes.constant is not None
    return [int(axis) % d.x.rank for axis in axes.constant]


def _infer_transpose(call: Call) -> list[TensorType]:
    x = call[0]
    perm = call.attribute("perm") or tuple(reversed(range(x.rank)))
    if sorted(perm) != list(range(x.rank)):
        raise call.error(f"perm {tuple(perm)} is no permutation of the {x.rank} axes of {shape_text(x.shape)}")
    return [TensorType(x.dtype, tuple(x.shape[axis] for axis in perm))]


def _transpose_back(d: Derivative) -> Value:
    perm = d.attribute("perm") or tuple(reversed(range(d.x.rank)))
    return op.Transpose(d.dy, perm=tuple(int(axis) for axis in np.argsort(perm)))


register(
    Operator(
        "Unsqueeze",
        infer=_infer_unsqueeze,
        gradients=(lambda d: op.Squeeze(d.dy, d.b), AN_AXIS),
        evaluate=lambda x, axes: np.expand_dims(x, tuple(int(axis) for axis in axes)),
        samples=lambda: [
            Sample((_X, np.array([1])), name="middle"),
            Sample((_X, np.array([-1, 0])), name="both ends"),
        ],
    )
)
register(
    Operator(
        "Squeeze",
        infer=_infer_squeeze,
        gradients=(lambda d: op.Unsqueeze(d.dy, _squeezed_axes(d)), AN_AXIS),
        evaluate=lambda x, axes=None: np.squeeze(x, None if axes is None else tuple(int(axis) for axis in axes)),
        samples=lambda: [
            Sample((_X[:, :1], np.array([-2])), name="one axis"),
            Sample((_X[:1, :, :1],), name="every axis of size one"),
        ],
    )
)
register(
    Operator(
        "Transpose",
        infer=_infer_transpose,
        gradients=(_transpose_back,),
        evaluate=lambda x, perm=None: np.transpose(x, perm),
        attributes={"perm": None},
        samples=lambda: [Sample((_X,), name="reversed"), Sample((_X,), {"perm": (1, 2, 0)}, name="cycle")],
    )
)
register(
    Operator(
        "Identity",
        infer=same_as_first,
        gradients=(lambda d: d.dy,),
        evaluate=lambda x: x,
        samples=lambda: [Sample((_X,))],
    )
)
