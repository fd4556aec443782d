"""Maximum and average over windows and over whole images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from netwright.schema import spec_field

from ..ir import Array, Value
from ..ops import op
from ..ops.pooling_gradients import max_pool
from ..ops.shapes import reshape
from ..ops.windows import Window, attributes_of, known, padded
from .base import Layer, LayerContext
from .checks import feature_axis, require_float, static_sizes
from .resize import resampled
from .window_fields import AMOUNTS, DILATION, KERNEL_SIZE, Padding, Sizes, an_axis_each, spatial_rank, windows

STRIDE = "Distance between neighbouring windows; the kernel size unless given. One number, or one for each axis."
PADDING = (
    "What lies around the input. `valid`: nothing. `same`: so much that the output has ⌈size / stride⌉ positions, of "
    "an odd number one more behind. " + AMOUNTS
)
KEEP = "Whether the axes stay, with the size 1."


def _kernel(layout: Sequence[Window]) -> tuple[int, ...]:
    return tuple(known(window.size) for window in layout)


@Layer.registry.register("max_pool")
@dataclass(frozen=True, kw_only=True)
class MaxPool(Layer):
    """The maximum of each window: (batch, channels, height, width) becomes (batch, channels, less, less).

    One, two or three axes may follow the channels. Padding never is the maximum. Of equal maxima the first takes the
    gradient, as in PyTorch.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - max_pool: {kernel_size: 3, stride: 2, padding: 1}
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "kernel_size"
    kernel_size: Sizes = spec_field(KERNEL_SIZE, minimum=1)
    stride: Sizes | None = spec_field(STRIDE, default=None, minimum=1)
    padding: Padding = spec_field(PADDING, default="valid", minimum=0)
    dilation: Sizes = spec_field(DILATION, default=1, minimum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        stride = self.kernel_size if self.stride is None else self.stride
        layout = windows(x, self.kernel_size, stride, self.dilation, self.padding)
        return max_pool(x, layout)


@Layer.registry.register("average_pool")
@dataclass(frozen=True, kw_only=True)
class AveragePool(Layer):
    """The mean of each window: (batch, channels, height, width) becomes (batch, channels, less, less).

    One, two or three axes may follow the channels. Windows at the border average what is inside the input; with
    `count_include_pad` they average zeros as well, as PyTorch does unless told otherwise.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - average_pool: 2
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "kernel_size"
    kernel_size: Sizes = spec_field(KERNEL_SIZE, minimum=1)
    stride: Sizes | None = spec_field(STRIDE, default=None, minimum=1)
    padding: Padding = spec_field(PADDING, default="valid", minimum=0)
    count_include_pad: bool = spec_field("Whether padding counts as zeros in the mean.", default=False)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        stride = self.kernel_size if self.stride is None else self.stride
        layout = windows(x, self.kernel_size, stride, 1, self.padding)
        if self.count_include_pad and any(window.before != window.after for window in layout):
            x = padded(x, layout)  # cuDNN counts equal padding only
            layout = tuple(replace(window, before=0, after=0) for window in layout)
        attributes = attributes_of(layout)
        del attributes["dilations"]
        return op.AveragePool(
            x, kernel_shape=_kernel(layout), count_include_pad=int(self.count_include_pad), **attributes
        )


@Layer.registry.register("adaptive_average_pool")
@dataclass(frozen=True, kw_only=True)
class AdaptiveAveragePool(Layer):
    """Images of a given size, whatever theirs is: (batch, channels, height, width) becomes (batch, channels, *size).

    Position i of n is the mean of what lies from ⌊i·height/n⌋ to before ⌈(i+1)·height/n⌉, as in PyTorch; where the size
    divides the height, that is `average_pool`. One, two or three axes may follow the channels.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - adaptive_average_pool: 6
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "size"
    size: Sizes = spec_field("Size of the output. One number, or one for each axis.", minimum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        wanted = an_axis_each(self.size, x, "size")
        sizes = static_sizes(x.shape[2:], x, "an output of fixed size")
        if all(length % size == 0 for length, size in zip(sizes, wanted, strict=True)):
            kernel = tuple(length // size for length, size in zip(sizes, wanted, strict=True))
            return x if sizes == wanted else op.AveragePool(x, kernel_shape=kernel, strides=kernel)
        pairs = zip(sizes, wanted, strict=True)
        return resampled(x, [None if length == size else _means(length, size) for length, size in pairs])


def _means(length: int, size: int) -> Array:
    """The matrix [size, length] whose rows average."""
    place, row = np.arange(length), np.arange(size)[:, None]
    inside = (place >= row * length // size) & (place < -(-(row + 1) * length // size))
    matrix: Array = (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix


def _without_axes(y: Value, keepdims: bool) -> Value:
    return y if keepdims else reshape(y, y.shape[:2])


@Layer.registry.register("global_average_pool")
@dataclass(frozen=True, kw_only=True)
class GlobalAveragePool(Layer):
    """The mean of each channel: (batch, channels, height, width) becomes (batch, channels).

    One, two, three or more axes may follow the channels. Lin, Chen and Yan, Network In Network, ICLR 2014.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - global_average_pool
  - dense: 1
"""
    keepdims: bool = spec_field(KEEP, default=False)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        spatial_rank(inputs[0])
        return _without_axes(op.GlobalAveragePool(inputs[0]), self.keepdims)


@Layer.registry.register("global_max_pool")
@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool(Layer):
    """The maximum of each channel: (batch, channels, height, width) becomes (batch, channels).

    One, two, three or more axes may follow the channels. Of equal maxima the first takes the gradient.

    With `axis` it is the maximum along that axis alone, and the others stay: of letters (batch, time, letters, numbers)
    `axis: 2` makes words (batch, time, numbers).
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - global_max_pool
  - dense: 1
"""
    keepdims: bool = spec_field(KEEP, default=False)
    axis: int | None = spec_field("The only axis to look along, the batch being 0.", default=None)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        if self.axis is None:
            spatial_rank(x)
            return _without_axes(op.GlobalMaxPool(x), self.keepdims)
        require_float(x)
        axis = feature_axis(self.axis, x)
        # Not ReduceMax, so that of equal maxima one alone takes the gradient.
        y = op.GatherElements(x, op.ArgMax(x, axis=axis, keepdims=1), axis=axis)
        return y if self.keepdims else op.Squeeze(y, [axis])
