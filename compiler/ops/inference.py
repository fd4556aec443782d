"""Type inference shared by many operators."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Call, DType, Shape, TensorType, Value, shape_text
from ..ir.dims import Dim


def same_as_first(call: Call) -> list[TensorType]:
    """One output of the first input's type."""
    return [call[0].type]


def float_same_as_first(call: Call) -> list[TensorType]:
    """One output of the first input's type, which must be floating-point."""
    require_float(call)
    return [call[0].type]


def elementwise(call: Call) -> list[TensorType]:
    """Inputs of one dtype, broadcast together (ONNX multidirectional broadcasting)."""
    values = [value for value in call.inputs if value is not None]
    require_same_dtype(call, values)
    return [TensorType(values[0].dtype, broadcast(call, values))]


def predicate(call: Call) -> list[TensorType]:
    """Like `elementwise`, with a boolean output."""
    (result,) = elementwise(call)
    return [TensorType(DType.boolean, result.shape)]


def logical(call: Call) -> list[TensorType]:
    """Boolean inputs, broadcast together."""
    for value in call.inputs:
        if value is not None and value.dtype is not DType.boolean:
            raise call.error(f"needs boolean inputs, received {value.type}")
    return elementwise(call)


def require_same_dtype(call: Call, values: Sequence[Value]) -> None:
    if len({value.dtype for value in values}) > 1:
        raise call.error(f"the inputs have different dtypes: {', '.join(str(v.type) for v in values)}")


def require_float(call: Call, index: int = 0) -> None:
    if not call[index].dtype.is_float:
        raise call.error(f"needs a floating-point input, received {call[index].type}")


def broadcast(call: Call, values: Sequence[Value]) -> Shape:
    """The common shape of values that broadcast; raises when they do not."""
    return broadcast_shapes(call, [value.shape for value in values])


def broadcast_shapes(call: Call, shapes: Sequence[Shape]) -> Shape:
    rank = max(len(shape) for shape in shapes)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise call.error(f"the shapes {' and '.join(shape_text(s) for s in shapes)} do not broadcast")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def normalize_axis(call: Call, axis: int, rank: int) -> int:
    """A non-negative axis; raises when it is out of range."""
    if not -rank <= axis < rank:
        raise call.error(f"axis {axis} is out of range for rank {rank}")
    return axis % rank


def normalize_axes(call: Call, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Sorted non-negative axes; raises on repetition."""
    normalized = tuple(sorted(normalize_axis(call, int(axis), rank) for axis in axes))
    if len(set(normalized)) != len(normalized):
        raise call.error(f"the axes {tuple(axes)} repeat an axis")
    return normalized
