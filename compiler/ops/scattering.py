"""ScatterElements and ScatterND: a copy of a tensor with elements replaced or combined at given indices."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .cast import cast
from .gathering import AN_INDEX, check_along_axis, check_indices
from .inference import require_same_dtype
from .shapes import zeros_like

_COMBINE: Final[dict[str, np.ufunc]] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def _infer_scatter_elements(call: Call) -> list[TensorType]:
    x, indices, updates = call[0], call[1], call[2]
    check_indices(call)
    require_same_dtype(call, [x, updates])
    check_along_axis(call)
    if indices.shape != updates.shape:
        raise call.error(f"the indices {indices.type} and the updates {updates.type} must have one shape")
    _check_reduction(call, ("none", *_COMBINE))
    return [x.type]


def _check_reduction(call: Call, known: tuple[str, ...]) -> None:
    if call.attribute("reduction") not in known:
        raise call.error(f"the reduction must be one of {', '.join(known)}, received {call.attribute('reduction')}")


def _scatter_elements(d: Derivative, data: Value, updates: Value, reduction: str) -> Value:
    return op.ScatterElements(data, d.b, updates, axis=d.attribute("axis"), reduction=reduction)


def _gather_elements(d: Derivative, data: Value) -> Value:
    return op.GatherElements(data, d.b, axis=d.attribute("axis"))


def _by_data(d: Derivative) -> Value:
    """none: dy outside the indices; add: dy; mul: dy times the updates; max, min: the share of what won."""
    reduction = d.attribute("reduction")
    if reduction == "none":
        return _scatter_elements(d, d.dy, zeros_like(d[2]), "none")
    if reduction == "add":
        return d.dy
    if reduction == "mul":
        return _scatter_elements(d, d.dy, d[2], "mul")
    return _share(d) * _winning_data(d)


def _by_updates(d: Derivative) -> Value:
    """none, add: dy at the indices; mul: dy·y/update, for updates other than 0; max, min: the share of what won."""
    reduction = d.attribute("reduction")
    if reduction in ("none", "add"):
        return _gather_elements(d, d.dy)
    if reduction == "mul":
        return _gather_elements(d, d.dy * d.y) / d[2]
    return _gather_elements(d, _share(d)) * _winning_updates(d)


def _winning_data(d: Derivative) -> Value:
    return cast(op.Equal(d.x, d.y), d.dy.dtype)


def _winning_updates(d: Derivative) -> Value:
    return cast(op.Equal(d[2], _gather_elements(d, d.y)), d.dy.dtype)


def _share(d: Derivative) -> Value:
    """dy divided by how many equal extrema there are, as PyTorch's `amax` does."""
    return d.dy / _scatter_elements(d, _winning_data(d), _winning_updates(d), "add")


def _evaluate_scatter_elements(
    x: Array, indices: Array, updates: Array, axis: int = 0, reduction: str = "none"
) -> Array:
    result = x.copy()
    positions = np.indices(indices.shape)
    positions[axis] = indices
    where = tuple(positions)
    if reduction == "none":
        result[where] = updates
    else:
        _COMBINE[reduction].at(result, where, updates)
    return result


def _infer_scatter_nd(call: Call) -> list[TensorType]:
    x, indices, updates = call[0], call[1], call[2]
    check_indices(call)
    require_same_dtype(call, [x, updates])
    count = indices.shape[-1] if indices.rank else None
    if not isinstance(count, int) or count > x.rank:
        raise call.error(f"the last axis of the indices {indices.type} must have a fixed size, at most {x.rank}")
    wanted = TensorType(x.dtype, indices.shape[:-1] + x.shape[count:])
    if updates.type != wanted:
        raise call.error(f"the updates must be {wanted} for {x.type} at {indices.type}, received {updates.type}")
    _check_reduction(call, ("none", "add"))
    return [x.type]


def _nd_by_data(d: Derivative) -> Value:
    if d.attribute("reduction") == "add":
        return d.dy
    return op.ScatterND(d.dy, d.b, zeros_like(d[2]))


def _evaluate_scatter_nd(x: Array, indices: Array, updates: Array, reduction: str = "none") -> Array:
    result = x.copy()
    where = tuple(np.moveaxis(indices, -1, 0))
    if reduction == "none":
        result[where] = updates
    else:
        np.add.at(result, where, updates)
    return result


_X = np.arange(15.0).reshape(5, 3) / 4 - 2.1
_AT = np.array([[0, 2, 2], [-1, 1, 0]])
_REPEATED = np.array([[0, 2, 2], [0, 2, -5]])
_UPDATES = np.array([[0.5, -1.5, 2.0], [1.2, 0.3, -0.7]])

register(
    Operator(
        "ScatterElements",
        infer=_infer_scatter_elements,
        gradients=(_by_data, AN_INDEX, _by_updates),
        evaluate=_evaluate_scatter_elements,
        attributes={"axis": 0, "reduction": "none"},
        samples=lambda: [
            Sample((_X, _AT, _UPDATES), name="replaced"),
            Sample((_X[:2], np.array([[0, 2], [-1, 1]]), _UPDATES[:, :2]), {"axis": 1}, name="replaced in columns"),
            Sample((_X, _REPEATED, _UPDATES), {"reduction": "add"}, name="added, one twice"),
            Sample((_X, _REPEATED, _UPDATES), {"reduction": "mul"}, name="multiplied, one twice"),
            Sample((_X, _REPEATED, _UPDATES), {"reduction": "max"}, name="greatest, one twice"),
            Sample((_X, _REPEATED, _UPDATES), {"reduction": "min"}, name="smallest, one twice"),
        ],
    )
)
register(
    # With `add`, every index must occur once: ONNX Runtime's CPU kernel loses updates when threads meet at one.
    # Sums over repeated indices are made by ScatterElements (see gathering.py). The reductions mul, max and min are
    # refused, as nothing needs them.
    Operator(
        "ScatterND",
        infer=_infer_scatter_nd,
        gradients=(_nd_by_data, AN_INDEX, lambda d: op.GatherND(d.dy, d.b)),
        evaluate=_evaluate_scatter_nd,
        attributes={"reduction": "none"},
        samples=lambda: [
            Sample((_X, np.array([[0, 2], [-1, 1]]), _UPDATES[0, :2]), name="elements"),
            Sample((_X, np.array([[1], [-1]]), _UPDATES), name="rows"),
            Sample((_X, np.array([[1], [-1]]), _UPDATES), {"reduction": "add"}, name="added rows"),
        ],
    )
)
