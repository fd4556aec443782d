"""Derivatives of pooling: what each window gives back to its elements, and putting it in place."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..ir import Array, Dim, Shape, Value, constant, op
from .cast import cast
from .placing import put_back
from .resizing import repeated
from .windows import Window, element, known, offsets, padded


def max_pool_gradient(x: Value, y: Value, dy: Value, windows: Sequence[Window]) -> Value:
    """dy at the first element of each window that equals its maximum, added up where windows overlap.

    Element after element takes what dy is left where it is the maximum. The last one needs no comparison.
    """
    if _disjoint(windows, x.shape[2:]):
        return _first_of_disjoint(x, y, dy, windows)
    wide = padded(x, windows, -math.inf)
    places = list(offsets(windows))
    left, pieces = dy, []
    for offset in places[:-1]:
        taken = op.Where(op.Equal(element(wide, windows, offset, y.shape[2:]), y), left, 0)
        pieces.append(taken)
        left = left - taken
    return put_back([*pieces, left], windows, x.shape[2:])


def _disjoint(windows: Sequence[Window], lengths: Shape) -> bool:
    """Whether the windows cover the axes without padding, gaps or overlap."""
    return all(
        isinstance(length, int)
        and (window.stride, window.dilation, window.padding) == (window.size, 1, 0)
        and length % window.stride == 0
        for window, length in zip(windows, lengths, strict=True)
    )


def _first_of_disjoint(x: Value, y: Value, dy: Value, windows: Sequence[Window]) -> Value:
    """The maxima get a number each, larger for elements that come earlier, and a second pooling finds the largest.

    All of it in whole tensors: 5.7 ms for 64×32×32×32 numbers and windows of 2×2 on two cores, where the general form
    takes 19 ms, mostly to interleave its pieces.
    """
    sizes = [known(window.size) for window in windows]
    order = _earlier_first(sizes, [known(length) for length in x.shape[2:]], dy)
    ranks = cast(op.Equal(x, repeated(y, sizes)), dy.dtype) * order
    first = op.MaxPool(ranks, kernel_shape=tuple(sizes), strides=tuple(sizes))
    return cast(op.Equal(repeated(first, sizes), order), dy.dtype) * repeated(dy, sizes)


def _earlier_first(sizes: Sequence[int], lengths: Sequence[int], like: Value) -> Value:
    """(1, 1, *lengths): in each window the numbers from the size of the window down to 1."""
    window = np.arange(math.prod(sizes), 0, -1).reshape(sizes)
    tiled = np.tile(window, [length // size for length, size in zip(lengths, sizes, strict=True)])
    return constant(tiled[None, None], like.dtype)


def average_pool_gradient(dy: Value, windows: Sequence[Window], x: Value, include_padding: bool) -> Value:
    """dy divided by the number of elements of its window, at each of them."""
    share = dy * shares(windows, x.shape[2:], include_padding, dy)
    if _disjoint(windows, x.shape[2:]):
        return repeated(share, [known(window.size) for window in windows])
    return put_back([share] * len(list(offsets(windows))), windows, x.shape[2:])


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
