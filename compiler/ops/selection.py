"""OneHot, TopK and Trilu."""

from __future__ import annotations

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
    TensorType,
    Value,
    op,
    register,
)
from .gathering import AN_INDEX, check_indices, scatter_add
from .inference import normalize_axis
from .shape_values import dims_of


def _number(call: Call, index: int, what: str) -> Dim:
    dims = dims_of(call[index])
    if dims is None or len(dims) != 1:
        raise call.error(f"{what} is not known when compiling")
    return dims[0]


def _infer_one_hot(call: Call) -> list[TensorType]:
    indices, depth, values = call[0], _number(call, 1, "the depth"), call[2]
    check_indices(call, 0)
    if values.shape != (2,):
        raise call.error(f"the values must be two, [off, on], received {values.type}")
    axis = normalize_axis(call, call.attribute("axis"), indices.rank + 1)
    return [TensorType(values.dtype, (*indices.shape[:axis], depth, *indices.shape[axis:]))]


def _values_gradient(d: Derivative) -> Value:
    """Of [off, on]: the sums of dy where the result is off and where it is on."""
    on = op.OneHot(d[0], d[1], np.array([0, 1], d.dy.dtype.numpy), axis=d.attribute("axis"))
    parts = [op.Reshape(op.ReduceSum(d.dy * mask, keepdims=0), [1]) for mask in (1 - on, on)]
    return op.Concat(*parts, axis=0)


def _evaluate_one_hot(indices: Array, depth: Array, values: Array, axis: int = -1) -> Array:
    size = int(depth.reshape(()))
    axis %= indices.ndim + 1
    positions = np.arange(size).reshape((size,) + (1,) * (indices.ndim - axis))
    counted = np.expand_dims(np.where(indices < 0, indices + size, indices), axis)
    result: Array = np.where(counted == positions, values[1], values[0])
    return result


def _infer_top_k(call: Call) -> list[TensorType]:
    x, k = call[0], _number(call, 1, "k")
    axis = normalize_axis(call, call.attribute("axis"), x.rank)
    dim = x.shape[axis]
    if isinstance(k, int) and (k < 0 or (isinstance(dim, int) and k > dim)):
        raise call.error(f"k must be between 0 and the size {dim} of axis {axis}, received {k}")
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    return [TensorType(x.dtype, shape), TensorType(DType.int64, shape)]


def _top_k_gradient(d: Derivative) -> Value:
    return scatter_add(d.x, d.node.outputs[1], d.dy, d.attribute("axis"))


def _evaluate_top_k(x: Array, k: Array, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Array, Array]:  # noqa: ARG001
    keys = np.flip(x, axis) if largest else x
    order = np.argsort(keys, axis, kind="stable")
    if largest:  # among equals the lower index comes first
        order = x.shape[axis] - 1 - np.flip(order, axis)
    indices = np.take(order, np.arange(int(k.reshape(()))), axis)
    return np.take_along_axis(x, indices, axis), indices


def _infer_trilu(call: Call) -> list[TensorType]:
    if call[0].rank < 2:
        raise call.error(f"needs at least two axes, received {call[0].type}")
    return [call[0].type]


def _evaluate_trilu(x: Array, k: Array | None = None, upper: int = 1) -> Array:
    diagonal = 0 if k is None else int(k.reshape(()))
    return np.triu(x, diagonal) if upper else np.tril(x, diagonal)


_X = np.array([[0.5, -1.5, 2.0, 0.1], [1.0, 0.25, -0.75, 0.6], [-0.2, 0.9, 0.3, -1.1]])

register(
    Operator(
        "OneHot",
        infer=_infer_one_hot,
        gradients=(AN_INDEX, NotDifferentiable("it is a size"), _values_gradient),
        evaluate=_evaluate_one_hot,
        attributes={"axis": -1},
        samples=lambda: [
            Sample((np.array([1, 3, -1, 0]), np.array(4), np.array([0.0, 1.0])), name="rows"),
            Sample((np.array([[1, 3], [2, 0]]), np.array(4), np.array([-0.5, 2.0])), {"axis": 1}, name="middle axis"),
            Sample((np.array([1, 9, -9]), np.array(4), np.array([0.0, 1.0])), name="out of range"),
        ],
    )
)
register(
    Operator(
        "TopK",
        infer=_infer_top_k,
        gradients=(_top_k_gradient, NotDifferentiable("it is a count")),
        evaluate=_evaluate_top_k,
        attributes={"axis": -1, "largest": 1, "sorted": 1},
        samples=lambda: [
            Sample((_X, np.array([2])), name="largest", outputs=2),
            Sample((_X, np.array([2])), {"axis": 0, "largest": 0}, name="smallest of the first axis", outputs=2),
        ],
    )
)
register(
    Operator(
        "Trilu",
        infer=_infer_trilu,
        gradients=(
            lambda d: op.Trilu(d.dy, *d.inputs[1:], upper=d.attribute("upper")),
            NotDifferentiable("it is the number of a diagonal"),
        ),
        evaluate=_evaluate_trilu,
        attributes={"upper": 1},
        samples=lambda: [
            Sample((_X,), name="upper"),
            Sample((_X, np.array(-1)), {"upper": 0}, name="below the diagonal"),
            Sample((np.stack([_X, -_X]), np.array(1)), name="above the diagonal, in a batch"),
        ],
    )
)
