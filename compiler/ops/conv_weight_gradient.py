"""The derivative of a convolution by its weight, in several forms, with the choice among them.

dW[m, c, k] = Σ over images and positions of dy[m]·x[c at k]. No form of it is fastest at every size. All differentiate
again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from ..ir import Shape, Value, op, product
from .conv_problem import ConvGradient, Form, solve, turned
from .gathered import by_place, gathered_patches
from .shapes import reshape
from .slicing import take
from .windows import Window, attributes_of, element, known, offsets, padded

FEWEST_POSITIONS: Final = 64
"""Of an image: with fewer, patches were faster than shifts at every size tried."""
FEW_CHANNELS: Final = 4
MANY_CHANNELS: Final = 128
"""From here on one product of patches is wide enough, and `Conv` may have made the patches."""
SHARE: Final = 0.75
"""Of the patches, that gathered shifts may be at most to be faster than they."""
MOST_GATHERED: Final = 4096
"""Positions of an image. Beyond, shifts are kept: fewer copies, and an index would be as large as an image."""


def weight_gradient(x: Value, dy: Value, weight: Value, windows: Sequence[Window], group: int) -> Value:
    """dW, in the shape of the weight."""
    problem = ConvGradient(x, dy, weight, tuple(windows), group)
    return solve("weight gradient", FORMS, default_form(problem), problem)


def default_form(p: ConvGradient) -> str:
    """The form that was fastest for such shapes: docs/adr/0013-convolution.md has the measurements."""
    if not _known_windows(p):
        return "exchanged axes"
    if p.group > 1:
        return "patches of groups"
    channels = p.weight.shape[1]
    few = isinstance(channels, int) and channels <= FEW_CHANNELS
    if p.strided and p.elements > 1 and few:
        return "exchanged axes"
    if FORMS["gathered patches"].fits(p) and _gathering_pays(p):
        shifts = FORMS["gathered shifts"].fits(p) and known(channels) < MANY_CHANNELS and _shifts_pay(p, SHARE)
        return "gathered shifts" if shifts else "gathered patches"
    if p.strided:
        return "patches"
    return "shifts" if FORMS["shifts"].fits(p) and _shifts_pay(p) else "patches"


def _gathering_pays(p: ConvGradient) -> bool:
    """Not where each window is a pixel, which needs no gathering; and large images would take much memory."""
    return (p.elements > 1 or p.strided) and known(product(p.counts)) <= MOST_GATHERED


def _known_windows(p: ConvGradient) -> bool:
    return all(isinstance(window.size, int) for window in p.windows)


def _shiftable(p: ConvGradient) -> bool:
    """Whether there are shifts, which are no patches: the kernel reaches along another axis than the last."""
    return p.group == 1 and p.sized and p.turnable and any(window.size != 1 for window in p.windows[:-1])


def _shifts_pay(p: ConvGradient, share: float = 1.0) -> bool:
    """Whether shifted copies of dy and x are at most this share of the patches' numbers, and there are positions enough
    to share the transposition of the result."""
    *outer, inner = p.windows
    filters, channels = known(p.weight.shape[0]), known(p.weight.shape[1])
    copies = math.prod(known(window.size) for window in outer) * filters + known(inner.size) * channels
    positions = product(p.counts)
    enough = not isinstance(positions, int) or positions >= FEWEST_POSITIONS
    return enough and copies <= share * p.elements * channels


def by_exchanged_axes(p: ConvGradient) -> Value:
    """Images and channels change places: a convolution of x with dy as its kernel, strides and dilations exchanged.

    Any shape and groups; slow where the kernel is small, as it computes a product only as wide as the kernel.
    """
    windows = [
        Window(count, window.dilation, window.stride, window.before, window.after)
        for window, count in zip(p.windows, p.counts, strict=True)
    ]
    x = _grouped_images(p.x, p.group)
    dy = op.Transpose(p.dy, perm=(1, 0, *p.spatial))
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


def by_patches(p: ConvGradient) -> Value:
    """Patches of all images side by side, then one product with dy: dW = dy·patchesᵀ. Without groups.

    x goes to (c, n, *size) once; each element of the window is then one slice, their stack (c, elements, n, *positions)
    needs no transposition, and neither does the product.
    """
    x = op.Transpose(p.padded, perm=(1, 0, *p.spatial))
    dy = op.Transpose(p.dy, perm=(1, 0, *p.spatial))
    slices = [op.Unsqueeze(element(x, p.windows, offset, p.counts), [1]) for offset in offsets(p.windows)]
    patches = slices[0] if len(slices) == 1 else op.Concat(*slices, axis=1)
    return reshape(op.Gemm(op.Flatten(dy, axis=1), op.Flatten(patches, axis=2), transB=1), p.weight.shape)


def by_gathered_patches(p: ConvGradient) -> Value:
    """As `by_patches`, the patches gathered from images whose batch is the last axis. Without groups, for images of a
    size that is known."""
    channels = known(p.weight.shape[1])
    x = gathered_patches(p.x, p.windows, p.counts)
    rows = reshape(x, (channels * p.elements, product(p.counts) * x.shape[2]), x)
    return reshape(op.Gemm(op.Flatten(by_place(p.dy), axis=1), rows, transB=1), p.weight.shape)


def by_shifts(p: ConvGradient) -> Value:
    """Shifted along the last axis x, along the others dy, then one product of both stacks. Without strides and groups.

    dW[m, c, i, j] = Σ dy[m, h − i, w] · x[c, h, w + j]: a kernel of k×k takes k copies of either instead of k² of x,
    and the product is (k·m)×(k·c) instead of m×(k²·c), a shape that runs faster.
    """
    across, against, grid = _shifts(p)
    columns = _moved(op.Transpose(p.x, perm=(1, 0, *p.spatial)), across, grid)
    rows = _moved(op.Transpose(p.dy, perm=(1, 0, *p.spatial)), against, grid)[::-1]
    left, right = (op.Flatten(op.Concat(*parts, axis=0), axis=1) for parts in (rows, columns))
    result = op.Gemm(left, right, transB=1)
    filters, channels, *kernel = p.weight.shape
    apart = reshape(result, (*kernel[:-1], filters, kernel[-1], channels))
    last = apart.rank - 1
    return op.Transpose(apart, perm=(last - 2, last, *range(last - 2), last - 1))


def by_gathered_shifts(p: ConvGradient) -> Value:
    """As `by_shifts`, over images whose batch is the last axis and whose size is known."""
    across, against, grid = _shifts(p)
    x = gathered_patches(p.x, across, grid)
    dy = gathered_patches(p.dy, against, grid, last_first=True)
    filters, channels, *outer, inner = (known(size) for size in p.weight.shape)
    images = product(grid) * x.shape[2]
    left, right = reshape(dy, (filters * math.prod(outer), images), dy), reshape(x, (channels * inner, images), x)
    apart = reshape(op.Gemm(left, right, transB=1), (filters, *outer, channels, inner))
    return op.Transpose(apart, perm=(0, apart.rank - 2, *range(1, apart.rank - 2), apart.rank - 1))


def _shifts(p: ConvGradient) -> tuple[list[Window], list[Window], Shape]:
    """The windows that move x along its last axis and those that move dy along the others, and the grid of both."""
    still, (*outer, inner) = Window(1), p.windows
    across = [*(still for _ in outer), inner]
    against = [*(turned(window) for window in outer), still]
    return across, against, (*p.x.shape[2:-1], p.counts[-1])


def _moved(value: Value, windows: Sequence[Window], grid: Shape) -> list[Value]:
    """A copy of the value on the grid for each element of the window; where nothing moves, the value itself."""
    wide = padded(value, windows)
    copies = []
    for offset in offsets(windows):
        stays = all(at * window.dilation == window.before for at, window in zip(offset, windows, strict=True))
        copies.append(value if stays and value.shape[2:] == grid else element(wide, windows, offset, grid))
    return copies


def by_patches_of_groups(p: ConvGradient) -> Value:
    """As `by_patches`, a product for each group: dWᵀ = patches·dyᵀ, where a depthwise dy is one column."""
    group, (filters, depth, *kernel) = p.group, p.weight.shape
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


FORMS: Final[dict[str, Form]] = {
    "exchanged axes": Form(by_exchanged_axes),
    "patches": Form(by_patches, lambda p: p.group == 1 and _known_windows(p)),
    "gathered patches": Form(by_gathered_patches, lambda p: p.group == 1 and p.sized and p.measured),
    "shifts": Form(by_shifts, lambda p: _shiftable(p)),
    "gathered shifts": Form(by_gathered_shifts, lambda p: _shiftable(p) and p.measured),
    "patches of groups": Form(by_patches_of_groups, lambda p: p.group > 1 and p.sized),
}
