"""The fields that layers with sliding windows share, and what they mean for an input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from ..errors import BuildError
from ..ir import Value, shape_text
from ..ops.windows import Window, same_padding
from .checks import require_float

Sizes = int | tuple[int, ...]
Padding = Literal["same", "valid"] | int | tuple[int, ...]

KERNEL_SIZE: Final = "Size of the window. One number, or one for each axis."
STRIDE: Final = "Distance between neighbouring windows. One number, or one for each axis."
DILATION: Final = "Distance between neighbouring elements of a window. One number, or one for each axis."
AMOUNTS: Final = "One number for every side, one for each axis, or two for each axis: top, bottom, left, right."
PADDING: Final = (
    "Zeros around the input. `valid`: none. `same`: so many that the output has ⌈size / stride⌉ positions, of an odd "
    "number one more behind. " + AMOUNTS
)
GROUPS: Final = "Channels and filters are divided into so many groups that do not mix."


def spatial_rank(x: Value) -> int:
    """How many axes follow the channels. Raises BuildError unless x is (batch, channels, size, …) of floats."""
    require_float(x)
    if x.rank < 3:
        raise BuildError(
            f"needs an input (batch, channels, size, …), received {shape_text(x.shape)}",
            "images without channels get one with `expand_dims: 1`",
        )
    return x.rank - 2


def an_axis_each(sizes: Sizes, x: Value, field: str) -> tuple[int, ...]:
    """A number for each spatial axis. Raises BuildError at the field when they are not as many as the axes."""
    rank = spatial_rank(x)
    if isinstance(sizes, int):
        return (sizes,) * rank
    if len(sizes) != rank:
        raise _wrong_count(sizes, x, field, f"one number or {rank}")
    return sizes


def _wrong_count(sizes: Sequence[int], x: Value, field: str, wanted: str) -> BuildError:
    rank = spatial_rank(x)
    axes = "1 axis" if rank == 1 else f"{rank} axes"
    lacking = field == "kernel_size" and len(sizes) == rank + 1
    hint = "images without channels get one with `expand_dims: 1`" if lacking else None
    message = (
        f"{shape_text(x.shape)} has {axes} after batch and channels, so {field} is {wanted}, received {list(sizes)}"
    )
    return BuildError(message, hint, (field,))


def both_sides(amounts: int | tuple[int, ...], x: Value, field: str) -> list[tuple[int, int]]:
    """What lies before and after each spatial axis, from one number, one an axis, or two an axis."""
    rank = spatial_rank(x)
    if isinstance(amounts, int):
        return [(amounts, amounts)] * rank
    if len(amounts) == rank:
        return [(amount, amount) for amount in amounts]
    if len(amounts) == 2 * rank:
        return list(zip(amounts[::2], amounts[1::2], strict=True))
    raise _wrong_count(amounts, x, field, f"one number, {rank} or {2 * rank}")


def windows(x: Value, kernel_size: Sizes, stride: Sizes, dilation: Sizes, padding: Padding) -> tuple[Window, ...]:
    """The window along each spatial axis of x."""
    plain = [
        Window(*numbers)
        for numbers in zip(
            an_axis_each(kernel_size, x, "kernel_size"),
            an_axis_each(stride, x, "stride"),
            an_axis_each(dilation, x, "dilation"),
            strict=True,
        )
    ]
    if padding == "valid":
        pads = [(0, 0)] * len(plain)
    elif padding == "same":
        pads = [same_padding(window, length) for window, length in zip(plain, x.shape[2:], strict=True)]
    else:
        pads = both_sides(padding, x, "padding")
    return tuple(
        Window(window.size, window.stride, window.dilation, *pad) for window, pad in zip(plain, pads, strict=True)
    )
