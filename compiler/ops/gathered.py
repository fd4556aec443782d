"""Windows cut out of images, and put back, by one `Gather` of rows that hold one place of all images.

Images (batch, channels, *size) are laid out as (channels, places, batch), so that a row is as long as the batch, and
`Gather`, which works on all threads, copies it whole. `Pad` and `Slice` copy rows as short as an image's, on one.
Where a window looks beyond the image, the index is that of a row of zeros behind the last place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir import Shape, Value, constant, op, product
from ..ir.value import Array
from .shapes import reshape
from .slicing import pad_zeros
from .windows import Window, known


def by_place(x: Value) -> Value:
    """(batch, channels, *size) as (channels, places, batch)."""
    turned = op.Transpose(x, perm=(*range(1, x.rank), 0))
    return reshape(turned, (x.shape[1], product(x.shape[2:]), x.shape[0]), x)


def by_image(rows: Value, size: Shape) -> Value:
    """(channels, places, batch) as (batch, channels, *size): the inverse of `by_place`."""
    channels, _, batch = rows.shape
    apart = reshape(rows, (channels, *size, batch), rows)
    return op.Transpose(apart, perm=(apart.rank - 1, *range(apart.rank - 1)))


def gathered_patches(x: Value, windows: Sequence[Window], counts: Shape, *, last_first: bool = False) -> Value:
    """What the windows see of x (batch, channels, *size): (channels, elements · positions, batch). Sizes are known.

    `last_first` turns the order of the elements round.
    """
    places = []
    for window, length, count in zip(windows, x.shape[2:], counts, strict=True):
        at = np.arange(known(window.size))[:, None] * window.dilation - window.before
        at = at + np.arange(known(count)) * window.stride
        places.append(np.where((at >= 0) & (at < known(length)), at, -1)[:: -1 if last_first else 1])
    return _gathered(by_place(x), places, x.shape[2:], 0)


def added_columns(columns: Value, windows: Sequence[Window], counts: Shape, size: Shape) -> Value:
    """The transpose of `gathered_patches`: columns (channels, elements · positions, batch), each added where its window
    element lies, as images (batch, channels, *size). Sizes are known.

    Every place takes its number of every element of the window, or a zero, and adds them up.
    """
    places = []
    for window, length, count in zip(windows, size, counts, strict=True):
        distance = np.arange(known(length)) + window.before - np.arange(known(window.size))[:, None] * window.dilation
        at = distance // window.stride
        fits = (distance % window.stride == 0) & (at >= 0) & (at < known(count))
        places.append(np.where(fits, at, -1))
    channels, _, batch = columns.shape
    elements = np.prod([len(one) for one in places], dtype=int)
    taken = _gathered(columns, places, counts, known(product(counts)))
    apart = reshape(taken, (channels, int(elements), product(size), batch), taken)
    return by_image(op.ReduceSum(apart, [1], keepdims=0), size)


def _gathered(rows: Value, places: Sequence[Array], size: Shape, elements_apart: int) -> Value:
    """Rows of (channels, rows, batch) at `places`: for each axis of `size` and each (element, position), where to look
    along it, or -1 for nowhere. Rows of one window element follow those of another at the distance `elements_apart`.

    The index is made of small constants, a sum over the axes, so that files stay small.
    """
    if all(np.array_equal(one, [range(known(length))]) for one, length in zip(places, size, strict=True)):
        return rows  # a window of one pixel on every place
    behind, axes = known(rows.shape[1]), len(places)
    index = constant(np.zeros((1,) * (2 * axes), np.int64))
    per_place, per_element = 1, elements_apart
    for axis in reversed(range(axes)):
        elements, positions = places[axis].shape
        steps = places[axis] * per_place + np.arange(elements)[:, None] * per_element
        steps = np.where(places[axis] < 0, behind, steps)
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = elements, positions
        index = index + constant(steps.reshape(shape).astype(np.int64))
        per_place *= known(size[axis])
        per_element *= elements
    if any((one < 0).any() for one in places):
        rows = pad_zeros(rows, [0, 0, 0], [0, 1, 0])
        index = op.Min(index, behind)
    return op.Gather(rows, reshape(index, (product(index.shape),)), axis=1)
