"""Sliding windows: what convolutions and pooling have in common, an axis at a time.

The spatial axes are those from the third on; a window visits each at positions `stride` apart, and its elements are
`dilation` apart. Along an axis of size n with `before` and `after` elements added, there are
⌊(n + before + after − extent) / stride⌋ + 1 positions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import BuildError
from ..ir import Array, Call, Dim, Shape, Value, constant, op, shape_text
from .slicing import take

WINDOW_ATTRIBUTES: Final[dict[str, Any]] = {
    "auto_pad": "NOTSET",
    "dilations": None,
    "kernel_shape": None,
    "pads": None,
    "strides": None,
}
_AUTO_PADS: Final = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Window:
    """The window along one spatial axis. A `size` is symbolic only where a tensor serves as the kernel of another."""

    size: Dim
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def extent(self) -> Dim:
        """How many neighbours the window spans."""
        return (self.size - 1) * self.dilation + 1

    @property
    def padding(self) -> int:
        return self.before + self.after

    def positions(self, length: Dim) -> Dim:
        """How often the window fits into an axis."""
        free = length + self.padding - self.extent
        return free + 1 if self.stride == 1 else free // self.stride + 1


def windows_of(call: Call, sizes: Shape) -> tuple[Window, ...]:
    """The window along each spatial axis of input 0, for a kernel of these sizes; `auto_pad` becomes numbers.

    Raises BuildError for attributes that do not fit, and where a symbolic axis leaves the positions unknown.
    """
    rank = call[0].rank - 2
    if len(sizes) != rank:
        raise call.error(f"a kernel of {len(sizes)} axes does not fit {call[0].type} with its {rank} spatial axes")
    strides, dilations = _each(call, "strides", rank), _each(call, "dilations", rank)
    pads = tuple(call.attribute("pads") or (0,) * (2 * rank))
    if len(pads) != 2 * rank or min(pads) < 0:
        raise call.error(f"pads must be {2 * rank} numbers from 0 on, received {list(pads)}")
    made = []
    for axis, size in enumerate(sizes):
        window = Window(size, strides[axis], dilations[axis], pads[axis], pads[axis + rank])
        made.append(_auto_padded(call, window, call[0].shape[axis + 2]))
    return tuple(made)


def _each(call: Call, name: str, rank: int) -> tuple[int, ...]:
    numbers = tuple(call.attribute(name) or (1,) * rank)
    if len(numbers) != rank or min(numbers) < 1:
        raise call.error(f"{name} must be {rank} numbers from 1 on, received {list(numbers)}")
    return numbers


def _auto_padded(call: Call, window: Window, length: Dim) -> Window:
    kind = call.attribute("auto_pad")
    if kind not in _AUTO_PADS:
        raise call.error(f"auto_pad must be one of {', '.join(_AUTO_PADS)}, received {kind}")
    if kind == "NOTSET":
        return window
    if any(call.attribute("pads") or ()):
        raise call.error(f"takes either pads or auto_pad={kind}")
    if kind == "VALID":
        return window
    before, after = same_padding(window, length)
    if kind == "SAME_LOWER":
        before, after = after, before
    return Window(window.size, window.stride, window.dilation, before, after)


def same_padding(window: Window, length: Dim) -> tuple[int, int]:
    """The padding with which there are ⌈length / stride⌉ positions; an odd one has more behind (SAME_UPPER).

    Raises BuildError where a symbolic axis leaves it unknown.
    """
    extent = known(window.extent)
    if window.stride == 1:
        total = extent - 1
    elif isinstance(length, int):
        total = max(0, (-(-length // window.stride) - 1) * window.stride + extent - length)
    else:
        raise BuildError(
            f"padding 'same' with a stride of {window.stride} needs a fixed size, but '{length}' is symbolic"
        )
    return total // 2, total - total // 2


def slide(call: Call, windows: Sequence[Window]) -> Shape:
    """The spatial shape of the output. Raises BuildError where a window does not fit or the outcome is no size."""
    shape = call[0].shape[2:]
    result: list[Dim] = []
    for axis, (window, length) in enumerate(zip(windows, shape, strict=True)):
        if window.stride > 1 and not isinstance(length, int):
            raise call.error(f"a stride of {window.stride} needs a fixed size; axis {axis + 2} is '{length}'")
        count = window.positions(length)
        if isinstance(count, int) and count < 1:
            raise call.error(
                f"a window of {window.extent} does not fit into axis {axis + 2} of {shape_text(call[0].shape)}"
                + (f" with {window.padding} added" if window.padding else ""),
                _fitting_hint(call[0].shape, axis + 2),
            )
        result.append(count)
    return tuple(result)


def _fitting_hint(shape: Shape, axis: int) -> str:
    """What the author of a window that does not fit probably meant; colours at the end come from TensorFlow."""
    last, channels = shape[-1], shape[1]
    images = len(shape) == 4 and axis == 3
    if images and isinstance(last, int) and isinstance(channels, int) and last <= 4 < channels:
        return "channels come before height and width: (batch, channels, height, width)"
    return "make the window smaller, or give it padding"


def known(dim: Dim) -> int:
    """A dimension that inference has found to be a number."""
    assert isinstance(dim, int), f"{dim} is symbolic"
    return dim


def attributes_of(windows: Sequence[Window]) -> dict[str, tuple[int, ...]]:
    """The attributes `strides`, `dilations` and `pads` of an operator with these windows."""
    return {
        "strides": tuple(window.stride for window in windows),
        "dilations": tuple(window.dilation for window in windows),
        "pads": (*(window.before for window in windows), *(window.after for window in windows)),
    }


def offsets(windows: Sequence[Window]) -> Iterator[tuple[int, ...]]:
    """Where each element of the window lies in it, before dilation, the last axis fastest. Sizes must be known."""
    return itertools.product(*(range(known(window.size)) for window in windows))


def padded(x: Value, windows: Sequence[Window], fill: float = 0.0) -> Value:
    """x with what the windows add around its last axes, one axis a window."""
    widths = (*(window.before for window in windows), *(window.after for window in windows))
    if not any(widths):
        return x
    rest = (0,) * (x.rank - len(windows))
    half = len(windows)
    return op.Pad(x, constant(np.array((*rest, *widths[:half], *rest, *widths[half:]))), fill)


def element(x: Value, windows: Sequence[Window], offset: Sequence[int], counts: Shape) -> Value:
    """The element at `offset` of every window over the padded x, whose last axes become `counts`."""
    first = x.rank - len(windows)
    starts, ends, axes, steps = [], [], [], []
    for axis, (at, window, count) in enumerate(zip(offset, windows, counts, strict=True), start=first):
        start = at * window.dilation
        if window.stride == 1 and not isinstance(count, int):
            x = take(x, axis, start, count)
            continue
        end = start + (known(count) - 1) * window.stride + 1
        if (start, end, window.stride) != (0, x.shape[axis], 1):
            starts.append(start)
            ends.append(end)
            axes.append(axis)
            steps.append(window.stride)
    return op.Slice(x, starts, ends, axes, steps) if axes else x


def cut_out(x: Array, windows: Sequence[Window], fill: float = 0.0) -> list[Array]:
    """For each element of the window, its value at every position (numpy)."""
    first = x.ndim - len(windows)
    widths = [(0, 0)] * first + [(window.before, window.after) for window in windows]
    wide = np.pad(x, widths, constant_values=x.dtype.type(fill))
    counts = [known(window.positions(n)) for window, n in zip(windows, x.shape[first:], strict=True)]
    return [wide[_places(wide, windows, offset, counts)] for offset in offsets(windows)]


def add_up(pieces: Sequence[Array], windows: Sequence[Window], lengths: Sequence[int]) -> Array:
    """The transpose of cutting out: each piece added at its offset, the padding dropped (numpy)."""
    first = pieces[0].ndim - len(windows)
    wide = [n + window.padding for n, window in zip(lengths, windows, strict=True)]
    total = np.zeros((*pieces[0].shape[:first], *wide), pieces[0].dtype)
    for offset, piece in zip(offsets(windows), pieces, strict=True):
        total[_places(total, windows, offset, piece.shape[first:])] += piece
    inner = [slice(window.before, window.before + n) for window, n in zip(windows, lengths, strict=True)]
    return total[(slice(None),) * first + tuple(inner)]


def _places(x: Array, windows: Sequence[Window], offset: Sequence[int], counts: Sequence[int]) -> tuple[slice, ...]:
    """Where the element at `offset` of each window is in the padded x."""
    starts = [at * window.dilation for at, window in zip(offset, windows, strict=True)]
    places = [
        slice(start, start + (count - 1) * window.stride + 1, window.stride)
        for start, count, window in zip(starts, counts, windows, strict=True)
    ]
    return (slice(None),) * (x.ndim - len(windows)) + tuple(places)
