"""Derivatives of a convolution: by its input, and by its weight in several forms, with the choice among them.

The weight gradient is dW[m, c, k] = Σ over images and positions of dy[m]·x[c at k]. No one form of it is fastest at
every size, so each is a function here, and `choose` is the only place that decides. All of them differentiate again.
Shapes below are without groups: x (n, c, *size), dy (n, m, *positions), weight (m, c, *kernel).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..ir import Dim, Shape, Value, is_static, op
from ..ir.value import static_shape
from .shapes import reshape
from .slicing import reverse, take
from .windows import Window, attributes_of, element, known, offsets, padded


def input_gradient(dy: Value, weight: Value, x: Value, windows: Sequence[Window], group: int) -> Value:
    """dx, in the shape of x.

    Where positions are neighbours it is a convolution with the reversed kernel, which costs what the forward one does;
    with strides it is a transposed convolution.
    """
    if all(window.stride == 1 for window in windows) and is_static(weight.shape):
        return _convolve_back(dy, weight, windows, group)
    return transposed(dy, weight, x.shape[2:], windows, group)


def transposed(x: Value, weight: Value, lengths: Shape, windows: Sequence[Window], group: int) -> Value:
    """The transposed convolution with spatial sizes `lengths`.

    On CUDA `ConvTranspose` takes only equal padding on both sides; what one side has beyond the other is cut off.
    """
    smaller = [min(window.before, window.after) for window in windows]
    extra = [_rest(length, count, window) for length, count, window in zip(lengths, x.shape[2:], windows, strict=True)]
    equal = [replace(window, before=pad, after=pad) for window, pad in zip(windows, smaller, strict=True)]
    result = op.ConvTranspose(
        x, weight, group=group, output_padding=extra if any(extra) else None, **attributes_of(equal)
    )
    for axis, (length, window, pad) in enumerate(zip(lengths, windows, smaller, strict=True)):
        result = take(result, axis + 2, window.before - pad, length, x)
    return result


def _rest(length: Dim, count: Dim, window: Window) -> int:
    """How many elements behind the last position no window reaches."""
    rest = length + window.padding - window.extent - (count - 1) * window.stride
    assert isinstance(rest, int), "inference asks for fixed sizes where the rest depends on them"
    return rest


def _convolve_back(dy: Value, weight: Value, windows: Sequence[Window], group: int) -> Value:
    """Convolution of dy with the kernel from back to front and its channels exchanged."""
    kernel = _exchange_channels(weight, group)
    wide = [axis + 2 for axis, window in enumerate(windows) if window.size != 1]
    kernel = reverse(kernel, wide) if wide else kernel
    back = [
        replace(window, before=known(window.extent) - 1 - window.before, after=known(window.extent) - 1 - window.after)
        for window in windows
    ]
    y = dy
    for axis, window in enumerate(back):  # padding beyond the kernel: those positions saw no element of x
        cut_before, cut_after = max(0, -window.before), max(0, -window.after)
        y = take(y, axis + 2, cut_before, y.shape[axis + 2] - cut_before - cut_after)
    kept = [replace(window, before=max(0, window.before), after=max(0, window.after)) for window in back]
    return op.Conv(y, kernel, group=group, **attributes_of(kept))


def _exchange_channels(weight: Value, group: int) -> Value:
    """(g·m, c, *kernel) as (g·c, m, *kernel)."""
    axes = tuple(range(2, weight.rank))
    if group == 1:
        return op.Transpose(weight, perm=(1, 0, *axes))
    filters, depth, *kernel = static_shape(weight)
    if filters == group:
        return reshape(weight, (group * depth, 1, *kernel)) if depth != 1 else weight
    by_group = reshape(weight, (group, filters // group, depth, *kernel))
    exchanged = op.Transpose(by_group, perm=(0, 2, 1, *(axis + 1 for axis in axes)))
    return reshape(exchanged, (group * depth, filters // group, *kernel))


@dataclass(frozen=True)
class WeightGradient:
    """What a form of the weight gradient gets."""

    x: Value
    dy: Value
    weight: Shape
    windows: tuple[Window, ...]
    group: int

    @property
    def counts(self) -> Shape:
        """How many positions the window has along each axis."""
        return self.dy.shape[2:]

    @property
    def padded(self) -> Value:
        return padded(self.x, self.windows)

    @property
    def elements(self) -> int:
        """Numbers in the window of one channel."""
        return math.prod(known(window.size) for window in self.windows)


Form = Callable[[WeightGradient], Value]


def weight_gradient(x: Value, dy: Value, weight: Value, windows: Sequence[Window], group: int) -> Value:
    """dW in the shape of the weight, by the form that `choose` takes."""
    problem = WeightGradient(x, dy, weight.shape, tuple(windows), group)
    return choose(problem)(problem)


def choose(p: WeightGradient) -> Form:
    """The form for a convolution, by its shape."""
    if not all(isinstance(window.size, int) for window in p.windows):
        return by_exchanged_axes
    if p.group == 1:
        return by_patches
    return by_elements if p.weight[1] == 1 else by_exchanged_axes


def by_exchanged_axes(p: WeightGradient) -> Value:
    """Images and channels change places: a convolution of x with dy as its kernel, strides and dilations exchanged.

    Any shape and groups; slow where the kernel is small, as it computes a product only as wide as the kernel.
    """
    windows = [
        Window(count, window.dilation, window.stride, window.before, window.after)
        for window, count in zip(p.windows, p.counts, strict=True)
    ]
    x = _grouped_images(p.x, p.group)
    dy = op.Transpose(p.dy, perm=(1, 0, *_spatial(p)))
    result = op.Conv(x, dy, group=p.group, **attributes_of(windows))
    for axis, window in enumerate(p.windows):
        result = take(result, axis + 2, 0, window.size)
    return op.Transpose(result, perm=(1, 0, *range(2, result.rank)))


def _grouped_images(x: Value, group: int) -> Value:
    """(n, g·c, …) as (c, g·n, …): the images of a group in a row."""
    if group == 1:
        return op.Transpose(x, perm=(1, 0, *range(2, x.rank)))
    images, channels, *size = x.shape
    split = reshape(x, (images, group, channels // group, *size))
    turned = op.Transpose(split, perm=(2, 1, 0, *range(3, split.rank)))
    return reshape(turned, (channels // group, images * group, *size), x)


def by_patches(p: WeightGradient) -> Value:
    """Patches of all images side by side, then one product with dy: dW = dy·patchesᵀ. Without groups.

    x goes to (c, n, *size) once; each element of the window is then one slice, and their stack needs no transposition.
    """
    x, dy = op.Transpose(p.padded, perm=(1, 0, *_spatial(p))), op.Transpose(p.dy, perm=(1, 0, *_spatial(p)))
    slices = [element(x, p.windows, offset, p.counts) for offset in offsets(p.windows)]
    patches = slices[0] if len(slices) == 1 else op.Concat(*slices, axis=0)
    rows = op.Gemm(op.Flatten(dy, axis=1), op.Flatten(patches, axis=1), transB=1)  # (m, elements·c)
    filters, channels, *kernel = p.weight
    if p.elements == 1:
        return reshape(rows, p.weight)
    by_element = reshape(rows, (filters, *kernel, channels))
    return op.Transpose(by_element, perm=(0, by_element.rank - 1, *range(1, by_element.rank - 1)))


def _spatial(p: WeightGradient) -> range:
    return range(2, p.x.rank)


def by_elements(p: WeightGradient) -> Value:
    """Each number of the kernel as a sum of products of dy with one slice of x; for one channel a group."""
    filters, _, *kernel = p.weight
    x, axes = p.padded, [0, *_spatial(p)]
    sums = []
    for offset in offsets(p.windows):
        part = element(x, p.windows, offset, p.counts)
        if filters != p.group:  # every channel has several filters
            part = _repeat_channels(part, known(filters) // p.group, p)
        sums.append(op.ReduceSum(p.dy * part, axes, keepdims=0))
    return reshape(op.Concat(*(op.Unsqueeze(total, [1]) for total in sums), axis=1), (filters, 1, *kernel))


def _repeat_channels(part: Value, times: int, p: WeightGradient) -> Value:
    """(n, g, …) as (n, g·times, …), each channel `times` in a row."""
    n, _, *rest = part.shape
    repeats = [1, 1, times, *(1 for _ in rest)]
    spread = op.Tile(op.Unsqueeze(part, [2]), repeats)
    return reshape(spread, (n, p.group * times, *rest), part)
