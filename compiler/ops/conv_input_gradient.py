"""The derivative of a convolution by its input, in several forms, with the choice among them.

Without groups dx[c, at k] += dy[m]·weight[m, c, k]: the transposed convolution of dy. All forms differentiate again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..ir import Dim, Shape, Value, apply, op, product
from .conv_problem import ConvGradient, Form, solve, turned
from .gathered import added_columns, by_place
from .placing import put_back
from .shapes import reshape
from .slicing import FAR, take
from .windows import Window, attributes_of, known

LARGEST_REVERSED: Final = 1200
"""Numbers in the kernel, for each position of an image, up to which reversing it is little work."""
FEW_POSITIONS: Final = 64
MANY_CHANNELS: Final = 128


def input_gradient(dy: Value, weight: Value, x: Value, windows: Sequence[Window], group: int) -> Value:
    """dx, in the shape of x."""
    problem = ConvGradient(x, dy, weight, tuple(windows), group)
    return solve("input gradient", FORMS, default_form(problem), problem)


def default_form(p: ConvGradient) -> str:
    """The form that was fastest for such shapes: docs/adr/0013-convolution.md has the measurements."""
    if FORMS["columns"].fits(p) and _columns_pay(p):
        return "gathered columns" if FORMS["gathered columns"].fits(p) else "columns"
    return "reversed kernel" if FORMS["reversed kernel"].fits(p) and _reversal_pays(p) else "transposed"


def _columns_pay(p: ConvGradient) -> bool:
    """Few positions an image, and many channels: a product for each image is too narrow to be fast."""
    positions = product(p.counts)
    return isinstance(positions, int) and positions <= FEW_POSITIONS and known(p.weight.shape[1]) >= MANY_CHANNELS


def _reversal_pays(p: ConvGradient) -> bool:
    """Enough channels to make, and images large enough that reversing the kernel is little work beside them."""
    if any(window.before != window.after for window in p.windows):
        return False
    positions, channels = product(p.x.shape[2:]), known(p.weight.shape[1])
    if p.elements == 1:
        return channels >= 32
    numbers = known(product(p.weight.shape))
    return channels >= 16 and (not isinstance(positions, int) or numbers <= LARGEST_REVERSED * positions)


def by_transposed_convolution(p: ConvGradient) -> Value:
    """ONNX's own operator for it. Any shape, strides and groups."""
    return transposed(p.dy, p.weight, None, p.x.shape[2:], p.windows, p.group)


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


def by_reversed_kernel(p: ConvGradient) -> Value:
    """A convolution of dy with the reversed kernel."""
    axes = [axis for axis, window in enumerate(p.windows, start=2) if window.size != 1]
    last_first = op.Slice(p.weight, [-1] * len(axes), [-FAR] * len(axes), axes, [-1] * len(axes)) if axes else p.weight
    kernel = op.Transpose(last_first, perm=(1, 0, *p.spatial))
    return op.Conv(p.dy, kernel, **attributes_of([turned(window) for window in p.windows]))


def by_columns(p: ConvGradient) -> Value:
    """One product for all images, weightᵀ·dy, whose rows are then added up where their window elements lie."""
    filters, channels, *_ = p.weight.shape
    dy = op.Transpose(p.dy, perm=(1, 0, *p.spatial))
    rows = op.Gemm(reshape(p.weight, (filters, channels * p.elements)), op.Flatten(dy, axis=1), transA=1)
    apart = reshape(rows, (channels, p.elements, *dy.shape[1:]), dy)
    pieces = [op.Squeeze(piece, [1]) for piece in apply("Split", apart, axis=1, num_outputs=p.elements)]
    return op.Transpose(put_back(pieces, p.windows, p.x.shape[2:]), perm=(1, 0, *p.spatial))


def by_gathered_columns(p: ConvGradient) -> Value:
    """As `by_columns`, over images whose batch is the last axis, for sizes that are known; with any strides."""
    filters, channels, *_ = p.weight.shape
    dy = by_place(p.dy)
    rows = op.Gemm(reshape(p.weight, (filters, channels * p.elements)), op.Flatten(dy, axis=1), transA=1)
    columns = reshape(rows, (channels, p.elements * dy.shape[1], dy.shape[2]), dy)
    return added_columns(columns, p.windows, p.counts, p.x.shape[2:])


FORMS: Final[dict[str, Form]] = {
    "transposed": Form(by_transposed_convolution),
    "reversed kernel": Form(by_reversed_kernel, lambda p: p.group == 1 and p.sized and p.turnable),
    "columns": Form(by_columns, lambda p: p.group == 1 and p.sized),
    "gathered columns": Form(by_gathered_columns, lambda p: p.group == 1 and p.sized and p.measured),
}
