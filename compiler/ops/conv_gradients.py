"""Derivatives of a convolution: by its input, and by its weight in several forms, with the choice among them.

The weight gradient is dW[m, c, k] = Σ over images and positions of dy[m]·x[c at k]. No one form of it is fastest at
every size, so each is a function here, and `choose` is the only place that decides. All of them differentiate again.
Shapes below are without groups: x (n, c, *size), dy (n, m, *positions), weight (m, c, *kernel).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..ir import Dim, Shape, Value, apply, op, product
from .placing import put_back
from .shapes import reshape
from .slicing import FAR, take
from .windows import Window, attributes_of, element, known, offsets, padded


def input_gradient(dy: Value, weight: Value, x: Value, windows: Sequence[Window], group: int) -> Value:
    """dx, in the shape of x, by the form that was fastest for such shapes (docs/adr/0013-convolution.md)."""
    if group == 1 and _columns_pay(weight.shape, dy.shape[2:]):
        return _by_columns(dy, weight, x, windows)
    if group == 1 and _reversal_pays(weight.shape, x.shape[2:], windows):
        return _by_reversed_kernel(dy, weight, windows)
    return transposed(dy, weight, None, x.shape[2:], windows, group)


def _columns_pay(weight: Shape, counts: Shape) -> bool:
    """Few positions an image, and many channels: a product for each image is too narrow to be fast."""
    positions, channels = product(counts), weight[1]
    return (
        all(isinstance(dim, int) for dim in (positions, *weight))
        and known(positions) <= FEW_POSITIONS
        and known(channels) >= MANY_CHANNELS
    )


def _by_columns(dy: Value, weight: Value, x: Value, windows: Sequence[Window]) -> Value:
    """One product for all images, weightᵀ·dy, whose rows are then added up where their window elements lie."""
    filters, channels, *_ = weight.shape
    elements = math.prod(known(window.size) for window in windows)
    turned = op.Transpose(dy, perm=(1, 0, *range(2, dy.rank)))
    rows = op.Gemm(reshape(weight, (filters, channels * elements)), op.Flatten(turned, axis=1), transA=1)
    apart = reshape(rows, (channels, elements, *turned.shape[1:]), turned)
    pieces = [op.Squeeze(piece, [1]) for piece in apply("Split", apart, axis=1, num_outputs=elements)]
    sums = put_back(pieces, windows, x.shape[2:])
    return op.Transpose(sums, perm=(1, 0, *range(2, x.rank)))


def _reversal_pays(weight: Shape, lengths: Shape, windows: Sequence[Window]) -> bool:
    """By measurements of both forms (docs/adr/0013-convolution.md): with enough channels to make, and images large
    enough that reversing the kernel is little work beside them."""
    if not all(isinstance(dim, int) for dim in weight):
        return False
    if any(w.stride > 1 or w.before != w.after or w.before >= known(w.extent) for w in windows):
        return False
    positions, channels, elements = product(lengths), known(weight[1]), math.prod(known(w.size) for w in windows)
    if elements == 1:
        return channels >= 32
    numbers = known(product(weight))
    return channels >= 16 and (not isinstance(positions, int) or numbers <= LARGEST_REVERSED * positions)


def _by_reversed_kernel(dy: Value, weight: Value, windows: Sequence[Window]) -> Value:
    axes = [axis for axis, window in enumerate(windows, start=2) if window.size != 1]
    last_first = op.Slice(weight, [-1] * len(axes), [-FAR] * len(axes), axes, [-1] * len(axes)) if axes else weight
    kernel = op.Transpose(last_first, perm=(1, 0, *range(2, weight.rank)))
    turned = [_turned(window) for window in windows]
    return op.Conv(dy, kernel, **attributes_of(turned))


def transposed(
    x: Value, weight: Value, bias: Value | None, lengths: Shape, windows: Sequence[Window], group: int
) -> Value:
    """The transposed convolution with spatial sizes `lengths`.

    On CUDA `ConvTranspose` takes only equal padding on both sides; what one side has beyond the other is cut off.
    """
    smaller = [min(window.before, window.after) for window in windows]
    extra = [_rest(length, count, window) for length, count, window in zip(lengths, x.shape[2:], windows, strict=True)]
    equal = [replace(window, before=pad, after=pad) for window, pad in zip(windows, smaller, strict=True)]
    result = op.ConvTranspose(
        x, weight, bias, group=group, output_padding=extra if any(extra) else None, **attributes_of(equal)
    )
    for axis, (length, window, pad) in enumerate(zip(lengths, windows, smaller, strict=True)):
        result = take(result, axis + 2, window.before - pad, length, x)
    return result


def _rest(length: Dim, count: Dim, window: Window) -> int:
    """How many elements behind the last position no window reaches."""
    rest = length + window.padding - window.extent - (count - 1) * window.stride
    assert isinstance(rest, int), "inference asks for fixed sizes where the rest depends on them"
    return rest


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

LARGEST_REVERSED: Final = 1200
"""Numbers in the kernel, for each position of an image."""
FEW_POSITIONS: Final = 16
MANY_CHANNELS: Final = 128
FEWEST_POSITIONS: Final = 64
"""Of an image: with fewer, `by_patches` was faster at every size tried."""


def weight_gradient(x: Value, dy: Value, weight: Value, windows: Sequence[Window], group: int) -> Value:
    """dW in the shape of the weight, by the form that `choose` takes."""
    problem = WeightGradient(x, dy, weight.shape, tuple(windows), group)
    return choose(problem)(problem)


def choose(p: WeightGradient) -> Form:
    """The form for a convolution, by its shape: docs/adr/0013-convolution.md has the measurements."""
    if not all(isinstance(window.size, int) for window in p.windows):
        return by_exchanged_axes
    if p.group > 1:
        return by_patches_of_groups
    if any(window.stride > 1 for window in p.windows):
        few = p.weight[1] in (1, 2, 3, 4)
        return by_exchanged_axes if p.elements > 1 and few else by_patches
    return by_shifts if _shifts_pay(p) else by_patches


def _shifts_pay(p: WeightGradient) -> bool:
    """Whether shifted copies of dy and x are fewer numbers than the patches, and there are positions enough to share
    the transposition of the result."""
    *outer, inner = p.windows
    against = math.prod(known(window.size) for window in outer)
    filters, channels = p.weight[:2]
    if not isinstance(filters, int) or not isinstance(channels, int):
        return False
    copies = against * filters + known(inner.size) * channels
    if not all(window.before < known(window.extent) and window.after < known(window.extent) for window in p.windows):
        return False
    positions = product(p.counts)
    enough = not isinstance(positions, int) or positions >= FEWEST_POSITIONS
    return against > 1 and enough and copies <= p.elements * channels


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

    x goes to (c, n, *size) once; each element of the window is then one slice, their stack (c, elements, n, *positions)
    needs no transposition, and neither does the product.
    """
    x = op.Transpose(p.padded, perm=(1, 0, *_spatial(p)))
    dy = op.Transpose(p.dy, perm=(1, 0, *_spatial(p)))
    slices = [op.Unsqueeze(element(x, p.windows, offset, p.counts), [1]) for offset in offsets(p.windows)]
    patches = slices[0] if len(slices) == 1 else op.Concat(*slices, axis=1)
    return reshape(op.Gemm(op.Flatten(dy, axis=1), op.Flatten(patches, axis=2), transB=1), p.weight)


def by_shifts(p: WeightGradient) -> Value:
    """Shifted along the last axis x, along the others dy, then one product of both stacks. Without strides and groups.

    dW[m, c, i, j] = Σ dy[m, h − i, w] · x[c, h, w + j]: a kernel of k×k takes k copies of either instead of k² of x,
    and the product is (k·m)×(k·c) instead of m×(k²·c), a shape that runs faster.
    """
    still, (*outer, inner) = Window(1), p.windows
    across = [*(still for _ in outer), inner]
    against = [*(_turned(window) for window in outer), still]
    grid = (*p.x.shape[2:-1], p.counts[-1])
    x = op.Transpose(padded(p.x, across), perm=(1, 0, *_spatial(p)))
    dy = op.Transpose(padded(p.dy, against), perm=(1, 0, *_spatial(p)))
    columns = [element(x, across, offset, grid) for offset in offsets(across)]
    rows = [element(dy, against, offset, grid) for offset in reversed(list(offsets(against)))]
    left, right = (op.Flatten(op.Concat(*parts, axis=0), axis=1) for parts in (rows, columns))
    result = op.Gemm(left, right, transB=1)
    filters, channels, *kernel = p.weight
    apart = reshape(result, (*kernel[:-1], filters, kernel[-1], channels))
    last = apart.rank - 1
    return op.Transpose(apart, perm=(last - 2, last, *range(last - 2), last - 1))


def _turned(window: Window) -> Window:
    """The window over dy whose element k − 1 − i is dy moved by i toward the end, on the grid of x."""
    reach = known(window.extent) - 1
    return Window(window.size, 1, window.dilation, reach - window.before, reach - window.after)


def by_patches_of_groups(p: WeightGradient) -> Value:
    """As `by_patches`, a product for each group: dWᵀ = patches·dyᵀ, where a depthwise dy is one column."""
    group, (filters, depth, *kernel) = p.group, p.weight
    per_group = known(filters) // group
    x = _by_group(p.padded, group, known(depth), filters_last=False)
    slices = [op.Unsqueeze(element(x, p.windows, offset, p.counts), [1]) for offset in offsets(p.windows)]
    patches = slices[0] if len(slices) == 1 else op.Concat(*slices, axis=1)  # (g, elements, c, n, *positions)
    images = p.dy.shape[0] * product(p.counts)
    rows = reshape(patches, (group, p.elements * known(depth), images), p.dy)
    columns = reshape(_by_group(p.dy, group, per_group, filters_last=True), (group, images, per_group), p.dy)
    result = reshape(op.MatMul(rows, columns), (group, p.elements, depth, per_group))
    return reshape(op.Transpose(result, perm=(0, 3, 2, 1)), (filters, depth, *kernel))


def _by_group(value: Value, group: int, each: int, *, filters_last: bool) -> Value:
    """(n, g·c, *size) as (g, c, n, *size) or (g, n, *size, c)."""
    images, _, *size = value.shape
    split = reshape(value, (images, group, each, *size))
    spatial = tuple(range(3, split.rank))
    return op.Transpose(split, perm=(1, 0, *spatial, 2) if filters_last else (1, 2, 0, *spatial))


def _spatial(p: WeightGradient) -> range:
    return range(2, p.x.rank)
