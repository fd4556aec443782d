"""Pad: more of a tensor at its borders, by a constant, by reflection, by repetition of the edge or cyclically."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ..ir import (
    Array,
    Call,
    Derivative,
    Dim,
    NotDifferentiable,
    Operator,
    Sample,
    TensorType,
    Value,
    constant,
    op,
    register,
)
from .inference import normalize_axes
from .shape_values import dims_of
from .shapes import zeros_like
from .slicing import pad_zeros, reverse, take

Widths = list[tuple[Dim, Dim]]


def pad_widths(call: Call) -> Widths:
    """How much is added before and after each axis."""
    x, pads = call[0], dims_of(call[1])
    axes = call.constant(3) if call.optional(3) is not None else np.arange(x.rank)
    if pads is None or axes is None:
        raise call.error("the widths are not known when compiling")
    if len(pads) != 2 * len(axes):
        raise call.error(f"{len(pads)} widths for {len(axes)} axes of {x.type}; needs two an axis")
    normalize_axes(call, [int(axis) for axis in axes], x.rank)
    widths: Widths = [(0, 0)] * x.rank
    for position, axis in enumerate(axes):
        widths[int(axis) % x.rank] = (pads[position], pads[position + len(axes)])
    return widths


def _infer_pad(call: Call) -> list[TensorType]:
    x, mode, fill = call[0], call.attribute("mode"), call.optional(2)
    if mode not in _MODES:
        raise call.error(f"the mode must be one of {', '.join(_MODES)}, received {mode}")
    if fill is not None and (fill.dtype is not x.dtype or fill.rank != 0):
        raise call.error(f"the fill value must be a {x.dtype} scalar, received {fill.type}")
    shape: list[Dim] = []
    for axis, (dim, (before, after)) in enumerate(zip(x.shape, pad_widths(call), strict=True)):
        most = {"reflect": dim - 1, "wrap": dim}.get(mode)
        for width in (before, after):
            if isinstance(width, int) and isinstance(most, int) and width > most:
                raise call.error(f"mode {mode} adds at most {most} to axis {axis} of size {dim}, received {width}")
            if isinstance(width, int) and width < 0:
                raise call.error(f"the width {width} of axis {axis} is negative", "cut off with Slice")
        shape.append(dim + before + after)
    return [TensorType(x.dtype, tuple(shape))]


def _pad_gradient(d: Derivative) -> Value:
    """dy without its borders, which the modes other than constant fold back onto the elements they copied."""
    widths = pad_widths(Call("Pad", d.inputs, d.node.attributes))
    gradient = d.dy
    fold_back = _MODES[d.attribute("mode")]
    for axis, (before, after) in enumerate(widths):
        size = d.x.shape[axis]
        center = take(gradient, axis, before, size, d.x, d.y)
        for border in fold_back(gradient, axis, size, before, after) if (before, after) != (0, 0) else ():
            center = center + border
        gradient = center
    return gradient


def _constant(dy: Value, axis: int, size: Dim, before: Dim, after: Dim) -> list[Value]:
    del dy, axis, size, before, after
    return []


def _edge(dy: Value, axis: int, size: Dim, before: Dim, after: Dim) -> list[Value]:
    """Each border is the first or the last element over and over."""
    borders = []
    if before != 0:
        total = op.ReduceSum(take(dy, axis, 0, before), [axis], keepdims=1)
        borders.append(_place(total, axis, 0, size - 1, dy))
    if after != 0:
        total = op.ReduceSum(take(dy, axis, before + size, after), [axis], keepdims=1)
        borders.append(_place(total, axis, size - 1, 0, dy))
    return borders


def _reflect(dy: Value, axis: int, size: Dim, before: Dim, after: Dim) -> list[Value]:
    """The borders mirror the elements next to the first and the last one."""
    borders = []
    if before != 0:
        mirrored = reverse(take(dy, axis, 0, before), [axis])
        borders.append(_place(mirrored, axis, 1, size - 1 - before, dy))
    if after != 0:
        mirrored = reverse(take(dy, axis, before + size, after), [axis])
        borders.append(_place(mirrored, axis, size - 1 - after, 1, dy))
    return borders


def _wrap(dy: Value, axis: int, size: Dim, before: Dim, after: Dim) -> list[Value]:
    """The border before the first element copies the last elements, and the other way round."""
    borders = []
    if before != 0:
        borders.append(_place(take(dy, axis, 0, before), axis, size - before, 0, dy))
    if after != 0:
        borders.append(_place(take(dy, axis, before + size, after), axis, 0, size - after, dy))
    return borders


def _place(value: Value, axis: int, before: Dim, after: Dim, source: Value) -> Value:
    zeros: list[Dim] = [0] * value.rank
    return pad_zeros(
        value, [*zeros[:axis], before, *zeros[axis + 1 :]], [*zeros[:axis], after, *zeros[axis + 1 :]], source
    )


FoldBack = Callable[[Value, int, Dim, Dim, Dim], list[Value]]
_MODES: Final[dict[str, FoldBack]] = {"constant": _constant, "reflect": _reflect, "edge": _edge, "wrap": _wrap}


def _fill_gradient(d: Derivative) -> Value | None:
    """The sum of dy over the border: what is one after padding zeros with ones."""
    if d.attribute("mode") != "constant":
        return None
    border = op.Pad(zeros_like(d.x), d.b, constant(1, d.x.dtype), *d.inputs[3:], mode="constant")
    return op.ReduceSum(d.dy * border, keepdims=0)


def _evaluate_pad(
    x: Array, pads: Array, constant_value: Array | None = None, axes: Array | None = None, mode: str = "constant"
) -> Array:
    axes = np.arange(x.ndim) if axes is None else axes % x.ndim
    widths = np.zeros((x.ndim, 2), dtype=np.int64)
    widths[axes] = pads.reshape(2, -1).T
    if mode == "constant":
        fill = x.dtype.type(0) if constant_value is None else constant_value.item()
        return np.pad(x, widths, "constant", constant_values=fill)
    padded: Array = np.pad(x, widths, mode=mode)  # type: ignore[call-overload]
    return padded


_X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.5
_WIDTHS = np.array([0, 1, 2, 1, 0, 1])

register(
    Operator(
        "Pad",
        infer=_infer_pad,
        gradients=(
            _pad_gradient,
            NotDifferentiable("it is a width"),
            _fill_gradient,
            NotDifferentiable("it is an axis"),
        ),
        evaluate=_evaluate_pad,
        attributes={"mode": "constant"},
        samples=lambda: [
            Sample((_X, _WIDTHS), name="zeros"),
            Sample((_X, _WIDTHS, np.array(0.5)), name="a value"),
            Sample((_X, np.array([1, 2, 0, 1]), np.array(0.5), np.array([-1, 1])), name="some axes"),
            Sample((_X, np.array([0, 1, 3, 0, 2, 1])), {"mode": "reflect"}, name="reflected"),
            Sample((_X, np.array([1, 0, 3, 0, 2, 1])), {"mode": "edge"}, name="edge"),
            Sample((_X, np.array([0, 1, 3, 0, 2, 1])), {"mode": "wrap"}, name="wrapped"),
        ],
    )
)
