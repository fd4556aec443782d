"""Slice, Split and Concat: parts of tensors, by position, and their assembly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..ir import (
    REQUIRED,
    Array,
    Call,
    Derivative,
    Dim,
    NotDifferentiable,
    Operator,
    Sample,
    SymbolicDim,
    TensorType,
    Value,
    constant,
    divide_exactly,
    op,
    register,
    shape_text,
)
from .inference import normalize_axes, normalize_axis, require_same_dtype
from .shape_values import dims_of, shape_value
from .shapes import reshape, zeros_like

FAR: Final = 2**31 - 1
"""Positions at or beyond this mean the end of the axis, as exporters write `x[a:]`."""

A_POSITION = NotDifferentiable("it is a position")


@dataclass(frozen=True)
class Range:
    """The positions start, start + step, … (`size` of them) along one axis; step is not 0."""

    axis: int
    start: Dim
    step: int
    size: Dim

    @property
    def last(self) -> Dim:
        return self.start + (self.size - 1) * self.step


def sliced_ranges(call: Call) -> list[Range]:
    """What a `Slice` takes along each of its axes.

    On a symbolic axis the slice is taken as written: the axis is assumed to be long enough for it (`x[:, 1:]` of
    `time` steps has `time - 1`), as a size that depended on the outcome would be no dimension.
    """
    x = call[0]
    starts, ends = dims_of(call[1]), dims_of(call[2])
    axes = call.constant(3) if call.optional(3) is not None else np.arange(len(starts or ()))
    steps = call.constant(4) if call.optional(4) is not None else np.ones(len(starts or ()), dtype=np.int64)
    if starts is None or ends is None or axes is None or steps is None:
        raise call.error("the positions are not known when compiling")
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise call.error(f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps differ")
    normalize_axes(call, [int(axis) for axis in axes], x.rank)
    if 0 in steps:
        raise call.error("a step of 0 goes nowhere")
    positions = [int(axis) % x.rank for axis in axes]
    return [
        _range(axis, x.shape[axis], start, end, int(step))
        for axis, start, end, step in zip(positions, starts, ends, steps, strict=True)
    ]


def _range(axis: int, dim: Dim, start: Dim, end: Dim, step: int) -> Range:
    """Positions clamped to the axis as numpy does: to 0…dim going up, to -1…dim-1 going down."""
    low, high = (0, dim) if step > 0 else (-1, dim - 1)
    start, end = _clamp(start, dim, low, high), _clamp(end, dim, low, high)
    distance = end - start if step > 0 else start - end
    size = distance if abs(step) == 1 else (distance + (abs(step) - 1)) // abs(step)
    return Range(axis, start, step, max(size, 0) if isinstance(size, int) else size)


def _clamp(position: Dim, dim: Dim, low: int, high: Dim) -> Dim:
    if isinstance(position, int) and position >= FAR:
        return high
    if isinstance(position, int) and position <= -FAR:
        return low
    if isinstance(position, int) and position < 0:
        position = dim + position
    if isinstance(position, int) and isinstance(high, int):
        return min(max(position, low), high)
    return position


def _infer_slice(call: Call) -> list[TensorType]:
    shape = list(call[0].shape)
    for taken in sliced_ranges(call):
        shape[taken.axis] = taken.size
    return [TensorType(call[0].dtype, tuple(shape))]


def _slice_gradient(d: Derivative) -> Value:
    """dy put back in place among zeros: reversed where the step is negative, spaced out by the step, then padded."""
    x, gradient = d.x, d.dy
    ranges = sliced_ranges(Call("Slice", d.inputs, {}))
    backward = [taken.axis for taken in ranges if taken.step < 0]
    if backward:
        gradient = reverse(gradient, backward)
    before: list[Dim] = [0] * x.rank
    after: list[Dim] = [0] * x.rank
    for taken in ranges:
        step = abs(taken.step)
        if step > 1:
            gradient = _space_out(gradient, taken.axis, step, x, d.y)
        first, last = (taken.start, taken.last) if taken.step > 0 else (taken.last, taken.start)
        if taken.size == 0:
            first, last = 0, -1
        before[taken.axis] = first
        after[taken.axis] = x.shape[taken.axis] - 1 - last
    return pad_zeros(gradient, before, after, x, d.y)


def reverse(value: Value, axes: Sequence[int]) -> Value:
    """`value` from back to front along `axes`."""
    count = len(axes)
    return op.Slice(value, [-1] * count, [-FAR - 1] * count, list(axes), [-1] * count)


def _space_out(value: Value, axis: int, step: int, *sources: Value) -> Value:
    """step - 1 zeros between neighbours along `axis`, none behind the last."""
    shape = value.shape
    zeros: list[Dim] = [0] * (value.rank + 1)
    zeros[axis + 1] = step - 1
    spaced = pad_zeros(op.Unsqueeze(value, [axis + 1]), [0] * len(zeros), zeros)
    merged = reshape(spaced, (*shape[:axis], shape[axis] * step, *shape[axis + 1 :]), value, *sources)
    return op.Slice(merged, [0], [1 - step], [axis])


def pad_zeros(value: Value, before: Sequence[Dim], after: Sequence[Dim], *sources: Value) -> Value:
    """`value` with zeros around it; symbols in the widths are measured on `value` and `sources`."""
    widths = (*before, *after)
    if all(width == 0 for width in widths):
        return value
    return op.Pad(value, shape_value(widths, *sources, value), 0)


def take(value: Value, axis: int, start: Dim, size: Dim, *sources: Value) -> Value:
    """`size` neighbours along `axis` from `start` on; symbols are measured on `value` and `sources`."""
    if start == 0 and size == value.shape[axis]:
        return value
    rest = value.shape[axis] - (start + size)
    if isinstance(rest, int):  # counted from the end, whatever the size of the axis
        ends = constant(np.array([-rest if rest else FAR]))
    else:
        ends = shape_value([start + size], *sources, value)
    return op.Slice(value, shape_value([start], *sources, value), ends, [axis])


def _evaluate_slice(
    x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None
) -> Array:
    slices = [slice(None)] * x.ndim
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), np.int64) if steps is None else steps
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        # numpy's end of -1 means dim - 1, so going down past the first element is written None
        stop = None if step < 0 and end < -x.shape[axis] else int(end)
        slices[int(axis)] = slice(int(start), stop, int(step))
    return x[tuple(slices)]


def _infer_concat(call: Call) -> list[TensorType]:
    values = [value for value in call.inputs if value is not None]
    if not values:
        raise call.error("needs at least one input")
    require_same_dtype(call, values)
    first = values[0]
    axis = normalize_axis(call, call.attribute("axis"), first.rank)
    for value in values:
        others = value.shape[:axis] + value.shape[axis + 1 :]
        if value.rank != first.rank or others != first.shape[:axis] + first.shape[axis + 1 :]:
            shapes = " and ".join(shape_text(v.shape) for v in values)
            raise call.error(f"the shapes {shapes} differ in more than axis {axis}")
    total: Dim = 0
    for value in values:
        total = total + value.shape[axis]
    return [TensorType(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))]


def _concat_gradient(d: Derivative) -> Value:
    axis = d.attribute("axis") % d.x.rank
    inputs = [value for value in d.inputs if value is not None]
    start: Dim = 0
    for value in inputs[: d.i]:
        start = start + value.shape[axis]
    return take(d.dy, axis, start, inputs[d.i].shape[axis], *inputs)


def _infer_split(call: Call) -> list[TensorType]:
    x = call[0]
    axis = normalize_axis(call, call.attribute("axis"), x.rank)
    return [TensorType(x.dtype, (*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in _split_sizes(call, axis)]


def _split_sizes(call: Call, axis: int) -> Sequence[Dim]:
    dim, count = call[0].shape[axis], call.attribute("num_outputs")
    if (call.optional(1) is None) == (count is None):
        raise call.error("needs either the sizes or num_outputs, and not both")
    if count is None:
        sizes = dims_of(call[1])
        if sizes is None:
            raise call.error("the sizes are not known when compiling")
        total: Dim = 0
        for size in sizes:
            total = total + size
        if total != dim:
            raise call.error(f"the sizes {shape_text(sizes)} do not add up to the {dim} of axis {axis}")
        return sizes
    if count < 1:
        raise call.error(f"num_outputs must be at least 1, received {count}")
    if isinstance(dim, SymbolicDim):
        each = divide_exactly(dim, count)
        if each is None:
            raise call.error(f"axis {axis} of size {dim} does not divide into {count} equal parts")
        return [each] * count
    each = -(-dim // count)
    if each * (count - 1) > dim:
        raise call.error(f"axis {axis} of size {dim} is too short for {count} parts of {each}")
    return [each] * (count - 1) + [dim - each * (count - 1)]


def _split_gradient(d: Derivative) -> Value:
    axis = d.attribute("axis") % d.x.rank
    given = [index for index, dy in enumerate(d.dys) if dy is not None]
    if len(given) == 1:
        return _place(d, axis, given[0])
    parts = [zeros_like(out) if dy is None else dy for out, dy in zip(d.node.outputs, d.dys, strict=True)]
    return op.Concat(*parts, axis=axis)


def _place(d: Derivative, axis: int, index: int) -> Value:
    """The only part with a gradient, among zeros."""
    dy = d.dys[index]
    assert dy is not None
    before: list[Dim] = [0] * d.x.rank
    after: list[Dim] = [0] * d.x.rank
    for number, output in enumerate(d.node.outputs):
        side = before if number < index else after
        if number != index:
            side[axis] = side[axis] + output.shape[axis]
    return pad_zeros(dy, before, after, d.x, *d.node.outputs)


def _evaluate_split(
    x: Array, split: Array | None = None, axis: int = 0, num_outputs: int | None = None
) -> Sequence[Array]:
    if split is None:
        assert num_outputs is not None
        each = -(-x.shape[axis] // num_outputs)
        return tuple(np.split(x, [each * (i + 1) for i in range(num_outputs - 1)], axis))
    return tuple(np.split(x, np.cumsum(split)[:-1], axis))


_X = np.arange(60.0).reshape(3, 4, 5) / 17 - 1.5

register(
    Operator(
        "Slice",
        infer=_infer_slice,
        gradients=(_slice_gradient, A_POSITION),
        evaluate=_evaluate_slice,
        samples=lambda: [
            Sample((_X, np.array([1, 0]), np.array([3, 2])), name="leading axes"),
            Sample((_X, np.array([1]), np.array([FAR]), np.array([2])), name="to the end"),
            Sample((_X, np.array([-3]), np.array([-1]), np.array([1])), name="counted from the end"),
            Sample((_X, np.array([0, 1]), np.array([4, FAR]), np.array([1, 2]), np.array([2, 3])), name="steps"),
            Sample((_X, np.array([-1]), np.array([-FAR - 1]), np.array([-1]), np.array([-1])), name="reversed"),
            Sample((_X, np.array([3, 2]), np.array([0, -9]), np.array([2, 1]), np.array([-2, -1])), name="backward"),
            Sample((_X, np.array([2]), np.array([2**63 - 1]), np.array([1])), name="64-bit end"),
        ],
    )
)
register(
    Operator(
        "Concat",
        infer=_infer_concat,
        gradients=(_concat_gradient,),
        evaluate=lambda *arrays, axis: np.concatenate(arrays, axis),
        attributes={"axis": REQUIRED},
        samples=lambda: [
            Sample((_X, _X[:, :1] * 0.5, _X[:, 2:]), {"axis": 1}, name="three"),
            Sample((_X, _X + 1), {"axis": -1}, name="last axis"),
            Sample((_X[:2], _X), {"axis": 0}, name="first axis"),
            Sample((_X,), {"axis": 0}, name="one"),
        ],
    )
)
register(
    Operator(
        "Split",
        infer=_infer_split,
        gradients=(_split_gradient, A_POSITION),
        evaluate=_evaluate_split,
        attributes={"axis": 0, "num_outputs": None},
        samples=lambda: [
            Sample((_X, np.array([1, 3])), {"axis": 1}, name="sizes", outputs=2),
            Sample((_X,), {"axis": -1, "num_outputs": 3}, name="smaller last part", outputs=3),
            Sample((_X,), {"axis": 1, "num_outputs": 2}, name="equal parts", outputs=2),
        ],
    )
)
