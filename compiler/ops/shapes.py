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
    Node,
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
from .shape_values import dims_of, shape_value

A_SHAPE = NotDifferentiable("it is a shape")
AN_AXIS = NotDifferentiable("it is an axis")


def shape_of(value: Value) -> Value:
    """The shape of a value as an int64 vector: a constant when it is static."""
    if is_static(value.shape):
        return constant(np.array(value.shape, dtype=np.int64))
    return op.Shape(value)


def zeros_like(value: Value) -> Value:
    """Zeros of the value's type; a scalar expanded, so that no file holds them."""
    return op.Expand(constant(0, value.dtype), shape_of(value))


def reshape(value: Value, shape: Sequence[Dim], *sources: Value) -> Value:
    """Reshape to `shape`: by a constant while one unknown size follows from the others, else by arithmetic on the
    shapes of `value` and `sources`, where every further symbol must be an axis."""
    target = _constant_target(value.shape, tuple(shape))
    return op.Reshape(value, shape_value(shape, value, *sources) if target is None else constant(target))


def _constant_target(source: Shape, target: Shape) -> Array | None:
    """ONNX's shape input for a reshape: sizes, 0 for a symbolic dimension that stays in place, at most one -1."""
    numbers: list[int] = []
    for axis, dim in enumerate(target):
        if isinstance(dim, int):
            numbers.append(dim)
        else:
            numbers.append(0 if axis < len(source) and source[axis] == dim else -1)
    return np.array(numbers, dtype=np.int64) if numbers.count(-1) <= 1 and 0 not in target else None


def _infer_reshape(call: Call) -> list[TensorType]:
    x, target = call[0], dims_of(call[1])
    if target is None:
        raise call.error("the target shape is not known when compiling")
    dims = list(target)
    for axis, dim in enumerate(dims):
        if dim == 0 and not call.attribute("allowzero"):
            if axis >= x.rank:
                raise call.error(f"the target {shape_text(target)} copies axis {axis}, which {x.type} does not have")
            dims[axis] = x.shape[axis]
    if dims.count(-1) > 1:
        raise call.error(f"the target {shape_text(target)} leaves more than one size to be inferred")
    if -1 in dims:
        known = product(dim for dim in dims if dim != -1)
        rest = divide_exactly(product(x.shape), known)
        if rest is None:
            raise call.error(f"cannot reshape {shape_text(x.shape)} to {shape_text(dims)}: not divisible by {known}")
        dims[dims.index(-1)] = rest
    if product(dims) != product(x.shape):
        raise call.error(
            f"cannot reshape {shape_text(x.shape)} to {shape_text(dims)}: "
            f"{product(x.shape)} elements do not make {product(dims)}"
        )
    return [TensorType(x.dtype, tuple(dims))]


def _infer_expand(call: Call) -> list[TensorType]:
    dims = dims_of(call[1])
    if dims is None:
        raise call.error("the target shape is not known when compiling")
    return [TensorType(call[0].dtype, broadcast_shapes(call, [call[0].shape, dims]))]


def _infer_shape(call: Call) -> list[TensorType]:
    dims = call[0].shape[call.attribute("start") : call.attribute("end")]
    return [TensorType(DType.int64, (len(dims),))]


def _evaluate_reshape(x: Array, shape: Array, allowzero: int = 0) -> Array:
    return x.reshape([x.shape[i] if size == 0 and not allowzero else int(size) for i, size in enumerate(shape)])


_X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.5

register(
    Operator(
        "Reshape",
        infer=_infer_reshape,
        gradients=(lambda d: reshape(d.dy, d.x.shape, d.x), A_SHAPE),
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


def permutation(transpose: Node) -> tuple[int, ...]:
    """The axes of a `Transpose` in their new order; without the attribute they are reversed."""
    perm: tuple[int, ...] | None = transpose.optional_attribute("perm")
    return tuple(reversed(range(transpose.outputs[0].rank))) if perm is None else perm


def _transpose_back(d: Derivative) -> Value:
    return op.Transpose(d.dy, perm=tuple(int(axis) for axis in np.argsort(permutation(d.node))))


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


def _infer_flatten(call: Call) -> list[TensorType]:
    x, axis = call[0], call.attribute("axis")
    if not -x.rank <= axis <= x.rank:
        raise call.error(f"axis {axis} is out of range for {x.type}")
    axis = axis + x.rank if axis < 0 else axis
    return [TensorType(x.dtype, (product(x.shape[:axis]), product(x.shape[axis:])))]


def _evaluate_flatten(x: Array, axis: int = 1) -> Array:
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def _infer_size(call: Call) -> list[TensorType]:
    del call
    return [TensorType(DType.int64, ())]


def _infer_tile(call: Call) -> list[TensorType]:
    x, repeats = call[0], dims_of(call[1])
    if repeats is None:
        raise call.error("the repeats are not known when compiling")
    if len(repeats) != x.rank:
        raise call.error(f"{len(repeats)} repeats for the {x.rank} axes of {x.type}")
    return [TensorType(x.dtype, tuple(dim * count for dim, count in zip(x.shape, repeats, strict=True)))]


def _tile_gradient(d: Derivative) -> Value:
    """Split each repeated axis into (repeats, size) and sum over the repeats."""
    repeats = dims_of(d.b)
    assert repeats is not None
    split: list[Dim] = []
    summed: list[int] = []
    for count, dim in zip(repeats, d.x.shape, strict=True):
        if count != 1:
            summed.append(len(split))
            split.append(count)
        split.append(dim)
    if not summed:
        return d.dy
    return op.ReduceSum(reshape(d.dy, split, d.x, d.y), summed, keepdims=0)


register(
    Operator(
        "Flatten",
        infer=_infer_flatten,
        gradients=(lambda d: reshape(d.dy, d.x.shape, d.x),),
        evaluate=_evaluate_flatten,
        attributes={"axis": 1},
        samples=lambda: [
            Sample((_X,)),
            Sample((_X,), {"axis": -1}, name="last axis"),
            Sample((_X,), {"axis": 0}, name="one row"),
        ],
    )
)
register(
    # ONNX Runtime folds Shape when sizes are fixed at load, but not Size: rules measure with Shape.
    Operator(
        "Size",
        infer=_infer_size,
        gradients=(A_SHAPE,),
        evaluate=lambda x: np.array(x.size, dtype=np.int64),
        samples=lambda: [Sample((_X,))],
    )
)
register(
    Operator(
        "Tile",
        infer=_infer_tile,
        gradients=(_tile_gradient, NotDifferentiable("it counts repetitions")),
        evaluate=lambda x, repeats: np.tile(x, tuple(repeats)),
        samples=lambda: [
            Sample((_X, np.array([2, 1, 3])), name="two axes"),
            Sample((_X, np.array([1, 1, 1])), name="once"),
        ],
    )
)
