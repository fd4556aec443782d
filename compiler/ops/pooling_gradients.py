"""The maximum of windows, and derivatives of pooling: what each window gives back to its elements.

docs/adr/0013-convolution.md has the measurements behind the forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..ir import Array, Dim, Shape, Value, apply, constant, op, product
from .cast import cast
from .conv_input_gradient import transposed
from .resizing import repeated
from .shapes import reshape, zeros_like
from .slicing import pad_zeros, take
from .windows import Window, attributes_of, known


def max_pool(x: Value, windows: Sequence[Window]) -> Value:
    """The maximum of each window; where it was found is the operator's second output."""
    strides, dilations, pads = attributes_of(windows).values()
    kernel = tuple(known(window.size) for window in windows)
    return apply("MaxPool", x, kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads)[0]


def max_pool_gradient(x: Value, y: Value, indices: Value, dy: Value, windows: Sequence[Window]) -> Value:
    """dy at the first element of each window that equals its maximum, added up where windows overlap."""
    if _side_by_side(windows, x.shape[2:]):
        return _by_comparison(x, y, dy, windows)
    return _by_indices(x, indices, dy, windows)


def _side_by_side(windows: Sequence[Window], lengths: Shape) -> bool:
    """Whether the windows have neither padding, gaps nor overlap, along axes of known length."""
    return all(
        isinstance(length, int) and (window.stride, window.dilation, window.padding) == (window.size, 1, 0)
        for window, length in zip(windows, lengths, strict=True)
    )


def _by_comparison(x: Value, y: Value, dy: Value, windows: Sequence[Window]) -> Value:
    """For windows side by side. The maxima get a number each, larger for elements that come earlier, and a second
    pooling finds the largest: so nobody needs the indices, which make the forward pass many times slower.

    All of it in whole tensors: 5.7 ms for 64×32×32×32 numbers and windows of 2×2 on two cores, where slices of every
    element of the windows take 19 ms, mostly to interleave them again.
    """
    sizes = [known(window.size) for window in windows]
    lengths = [known(count) * size for count, size in zip(y.shape[2:], sizes, strict=True)]
    rest = [known(have) - length for have, length in zip(x.shape[2:], lengths, strict=True)]
    for axis, length in enumerate(lengths, start=2):
        x = take(x, axis, 0, length)
    order = _earlier_first(sizes, lengths, dy)
    first = max_pool(cast(op.Equal(x, repeated(y, sizes)), dy.dtype) * order, windows)
    dx = cast(op.Equal(repeated(first, sizes), order), dy.dtype) * repeated(dy, sizes)
    return pad_zeros(dx, [0] * dx.rank, [0, 0, *rest])


def _by_indices(x: Value, indices: Value, dy: Value, windows: Sequence[Window]) -> Value:
    """For all other windows: dy is added where the forward pass found the maximum."""
    flat = zeros_like(reshape(x, (product(x.shape),)))
    apart = all(isinstance(window.extent, int) and window.extent <= window.stride for window in windows)
    where, what = (reshape(value, (product(value.shape),)) for value in (indices, dy))
    total = op.ScatterElements(flat, where, what, axis=0, reduction="none" if apart else "add")
    return reshape(total, x.shape, x)


def _earlier_first(sizes: Sequence[int], lengths: Sequence[int], like: Value) -> Value:
    """(1, 1, *lengths): in each window the numbers from the size of the window down to 1."""
    window = np.arange(math.prod(sizes), 0, -1).reshape(sizes)
    tiled = np.tile(window, [length // size for length, size in zip(lengths, sizes, strict=True)])
    return constant(tiled[None, None], like.dtype)


def average_pool_gradient(dy: Value, windows: Sequence[Window], x: Value, include_padding: bool) -> Value:
    """dy divided by the number of elements of its window, at each of them.

    Windows that overlap are a transposed convolution with ones, each channel on its own.
    """
    share = dy * shares(windows, x.shape[2:], include_padding, dy)
    sizes = [known(window.size) for window in windows]
    if _side_by_side(windows, x.shape[2:]):
        dx = repeated(share, sizes)
        rest = [length - have for length, have in zip(x.shape[2:], dx.shape[2:], strict=True)]
        return pad_zeros(dx, [0] * dx.rank, [0, 0, *rest])
    channels = known(x.shape[1])
    return transposed(share, constant(np.ones((channels, 1, *sizes)), dy.dtype), None, x.shape[2:], windows, channels)


def shares(windows: Sequence[Window], lengths: Shape, include_padding: bool, dy: Value) -> Value:
    """1 / the number of elements that each window averages: one number, or an array of the positions' shape."""
    size = math.prod(known(window.size) for window in windows)
    if include_padding or not any(window.padding for window in windows):
        return constant(1 / size, dy.dtype)
    counts = [_elements_inside(window, length) for window, length in zip(windows, lengths, strict=True)]
    total: Array = np.ones(())
    for count in counts:
        total = total[..., None] * count
    return constant(1 / total, dy.dtype)


def _elements_inside(window: Window, length: Dim) -> Array:
    """How many elements of the window at each position are no padding."""
    positions, size = known(window.positions(length)), known(window.size)
    at = np.arange(positions)[:, None] * window.stride + np.arange(size) * window.dilation - window.before
    inside: Array = ((at >= 0) & (at < known(length))).sum(1)
    return inside
