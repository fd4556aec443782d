"""Gather, GatherElements, GatherND: elements picked by index. Indices may be negative, counted from the end.

All three gradients add dy up with `ScatterElements(add)`, over indices expanded to dy's shape: it is exact for
repeated indices on both providers, where `ScatterND(add)` loses updates on the CPU. The rows of a small table are
summed by a product with one-hot vectors instead: 3 times faster at 65 rows, 2 times at 256, 6 times slower at 2,000
(1,024 float32 rows of 192, ONNX Runtime on 2 cores), and in the same order every time on CUDA.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..ir import (
    Array,
    Call,
    Derivative,
    DType,
    NotDifferentiable,
    Operator,
    Sample,
    Shape,
    TensorType,
    Value,
    op,
    product,
    register,
    shape_text,
)
from .cast import cast
from .inference import normalize_axis
from .shape_values import shape_value
from .shapes import reshape, zeros_like
from .slicing import pad_zeros

SMALL_TABLE: Final = 256
"""Rows."""

AN_INDEX = NotDifferentiable("it is an index")


def check_indices(call: Call, index: int = 1) -> None:
    if not call[index].dtype.is_integer:
        raise call.error(f"the indices must be integers, received {call[index].type}")


def scatter_add(like: Value, indices: Value, updates: Value, axis: int) -> Value:
    """Zeros of `like`'s type with the updates added at the indices along one axis (in `ScatterElements`' form)."""
    return op.ScatterElements(zeros_like(like), indices, updates, axis=axis % like.rank, reduction="add")


def _infer_gather(call: Call) -> list[TensorType]:
    x, indices = call[0], call[1]
    check_indices(call)
    axis = normalize_axis(call, call.attribute("axis"), x.rank)
    constant_indices, dim = indices.constant, x.shape[axis]
    if constant_indices is not None and isinstance(dim, int):
        outside = constant_indices[(constant_indices < -dim) | (constant_indices >= dim)]
        if outside.size:
            raise call.error(f"the index {outside.flat[0]} is out of range for axis {axis} of size {dim}")
    return [TensorType(x.dtype, x.shape[:axis] + indices.shape + x.shape[axis + 1 :])]


def _gather_gradient(d: Derivative) -> Value:
    x, indices = d.x, d.b
    axis = d.attribute("axis") % x.rank
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    rows = reshape(d.dy, (*before, product(indices.shape), *after), x, indices)
    known, dim = indices.constant, x.shape[axis]
    if known is not None and known.size == 1 and isinstance(dim, int):
        position = int(known.reshape(())) % dim  # one constant index: zeros around dy, no scattering
        zeros: list[int] = [0] * x.rank
        return pad_zeros(
            rows,
            [*zeros[:axis], position, *zeros[axis + 1 :]],
            [*zeros[:axis], dim - 1 - position, *zeros[axis + 1 :]],
        )
    # float32 only, as the CPU's OneHot makes neither float64 nor half precision
    if axis == 0 and isinstance(dim, int) and dim <= SMALL_TABLE and x.dtype is DType.float32:
        return _sum_of_rows(x, op.Reshape(indices, [-1]), d.dy)
    flat = op.Reshape(indices, [*[1] * len(before), -1, *[1] * len(after)])
    return scatter_add(x, op.Expand(flat, shape_value(rows.shape, rows)), rows, axis)


def _sum_of_rows(table: Value, flat: Value, dy: Value) -> Value:
    """For each row of the table the sum of the dy of that index: onehot(indices)ᵀ · dy."""
    width = product(table.shape[1:])
    rows = reshape(dy, (flat.shape[0], width), table, flat)
    one_hot = op.OneHot(cast(flat, DType.int64), table.shape[0], np.array([0, 1], np.float32))
    return reshape(op.Gemm(one_hot, rows, transA=1), table.shape, table)


def _infer_gather_elements(call: Call) -> list[TensorType]:
    x, indices = call[0], call[1]
    check_indices(call)
    check_along_axis(call)
    return [TensorType(x.dtype, indices.shape)]


def check_along_axis(call: Call) -> None:
    """The indices (input 1) have the first input's sizes except along the axis.

    ONNX would let them be smaller, but its reference evaluator does not.
    """
    x, indices = call[0], call[1]
    axis = normalize_axis(call, call.attribute("axis"), x.rank)
    if indices.shape[:axis] + indices.shape[axis + 1 :] != x.shape[:axis] + x.shape[axis + 1 :]:
        raise call.error(f"the indices {indices.type} may differ from {x.type} along axis {axis} only")


def _indexed_axes(call: Call) -> tuple[int, int]:
    """(batch axes, axes that one index addresses) of a `GatherND`."""
    x, indices, batch = call[0], call[1], call.attribute("batch_dims")
    check_indices(call)
    count = indices.shape[-1] if indices.rank else None
    if not isinstance(count, int):
        raise call.error(f"the last axis of the indices {indices.type} must have a fixed size")
    if batch + count > x.rank or batch >= indices.rank:
        raise call.error(f"{batch} batch axes and indices {indices.type} are too many for {x.type}")
    if x.shape[:batch] != indices.shape[:batch]:
        shapes = f"{shape_text(x.shape)} and {shape_text(indices.shape)}"
        raise call.error(f"the shapes {shapes} differ in the first {batch} axes")
    return batch, count


def _infer_gather_nd(call: Call) -> list[TensorType]:
    batch, count = _indexed_axes(call)
    return [TensorType(call[0].dtype, call[1].shape[:-1] + call[0].shape[batch + count :])]


def _gather_nd_gradient(d: Derivative) -> Value:
    """dy scattered over x flattened to (batch, addressed, rest), where an index is a single number."""
    x, indices = d.x, d.b
    batch, count = _indexed_axes(Call("GatherND", d.inputs, d.node.attributes))
    addressed = x.shape[batch : batch + count]
    sizes = (product(x.shape[:batch]), product(indices.shape[batch:-1]), product(x.shape[batch + count :]))
    rows = reshape(d.dy, sizes, x, indices)
    positions = reshape(_linear(indices, addressed, x), (*sizes[:2], 1), x, indices)
    flat: Shape = (sizes[0], product(addressed), sizes[2])
    spread = op.Expand(positions, shape_value(rows.shape, rows))
    return reshape(scatter_add(reshape(x, flat, indices), spread, rows, axis=1), x.shape, x)


def _linear(indices: Value, addressed: Shape, x: Value) -> Value:
    """The number of each addressed element, counting over the addressed axes in order."""
    strides = [product(addressed[axis + 1 :]) for axis in range(len(addressed))]
    counted = op.Where(op.Less(indices, 0), indices + shape_value(addressed, x), indices)
    return op.ReduceSum(counted * shape_value(strides, x), [-1], keepdims=0)


def _evaluate_gather_nd(x: Array, indices: Array, batch_dims: int = 0) -> Array:
    shape = x.shape[:batch_dims]
    picked = [x[(*where, *np.moveaxis(indices[where], -1, 0))] for where in np.ndindex(shape)]
    return np.stack(picked).reshape(indices.shape[:-1] + x.shape[batch_dims + indices.shape[-1] :])


_X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.5
_TABLE = np.arange(15.0).reshape(5, 3) / 4 - 2

register(
    Operator(
        "Gather",
        infer=_infer_gather,
        gradients=(_gather_gradient, AN_INDEX),
        evaluate=lambda x, indices, axis=0: np.take(x, indices, axis),
        attributes={"axis": 0},
        samples=lambda: [
            Sample((_TABLE, np.array([[0, 3, 3], [-1, 0, 4]])), name="rows of a table, repeated and negative"),
            Sample((np.arange(514.0).reshape(257, 2) / 99, np.array([256, 3, -1])), name="rows of a large table"),
            Sample((_X, np.array([2, 0, 2, 2])), {"axis": 1}, name="middle axis"),
            Sample((_X, np.array(-2)), {"axis": -1}, name="a single index"),
            Sample((_TABLE, np.array([1, 1], np.int32)), name="int32 indices"),
        ],
    )
)
register(
    Operator(
        "GatherElements",
        infer=_infer_gather_elements,
        gradients=(lambda d: scatter_add(d.x, d.b, d.dy, d.attribute("axis")), AN_INDEX),
        evaluate=lambda x, indices, axis=0: np.take_along_axis(x, indices, axis),
        attributes={"axis": 0},
        samples=lambda: [
            Sample((_TABLE, np.array([[0, 2, 2], [-1, 2, 0]])), name="rows"),
            Sample((_TABLE, np.array([[0, 1], [2, 2], [-1, 0], [1, 1], [0, 0]])), {"axis": 1}, name="columns"),
        ],
    )
)
register(
    Operator(
        "GatherND",
        infer=_infer_gather_nd,
        gradients=(_gather_nd_gradient, AN_INDEX),
        evaluate=_evaluate_gather_nd,
        attributes={"batch_dims": 0},
        samples=lambda: [
            Sample((_X, np.array([[0, 1, 2], [1, -1, 0], [0, 1, 2]])), name="elements, one twice"),
            Sample((_X, np.array([[[1, 2]], [[-2, 0]], [[1, 2]]])), name="rows, one twice"),
            Sample((_X, np.array([[[0, 1], [0, 1]], [[2, -1], [1, 1]]])), {"batch_dims": 1}, name="within a batch"),
            Sample((_X, np.array([[1], [-3]])), {"batch_dims": 1}, name="a row of each in a batch"),
        ],
    )
)
