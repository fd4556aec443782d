"""Convolutional layers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import GlorotUniform, Initializer, Zeros
from ..ir import Dim, Value, shape_text
from ..ops import op
from ..ops.conv_input_gradient import transposed
from ..ops.slicing import FAR, pad_zeros
from ..ops.windows import Window, attributes_of, known
from .base import Activation, Layer, LayerContext
from .checks import static_sizes
from .window_fields import (
    AMOUNTS,
    DILATION,
    GROUPS,
    KERNEL_SIZE,
    PADDING,
    STRIDE,
    Padding,
    Sizes,
    an_axis_each,
    spatial_rank,
    windows,
)

ACTIVATION = "Function of the result; none unless given."
WEIGHT = "First values of `weight`; `glorot_uniform` unless given."
BIAS = "First values of `bias`; zeros unless given."


@dataclass(frozen=True, kw_only=True)
class _Convolution(Layer):
    """What the layers of this file share: weight, bias and activation."""

    activation: Activation | None = spec_field(ACTIVATION, default=None)
    use_bias: bool = spec_field("Whether to add a bias.", default=True)
    weight_initializer: Initializer = spec_field(WEIGHT, default_factory=GlorotUniform)
    bias_initializer: Initializer = spec_field(BIAS, default_factory=Zeros)

    def tensors(
        self, context: LayerContext, shape: tuple[int, ...], filters: int, fan_in: int, fan_out: int
    ) -> tuple[Value, Value | None]:
        """The weight of this shape, and the bias, one number a filter."""
        weight = context.parameter(
            "weight", shape, self.weight_initializer, fan_in=fan_in, fan_out=fan_out, regularized=True
        )
        if not self.use_bias:
            return weight, None
        return weight, context.parameter("bias", (filters,), self.bias_initializer, fan_in=fan_in, fan_out=fan_out)

    def activated(self, y: Value) -> Value:
        return y if self.activation is None else self.activation.apply(y)


def channels_of(x: Value, hint: str | None = None) -> int:
    """How many channels x has, which must be known. Raises BuildError when x has no axes after them."""
    spatial_rank(x)
    (channels,) = static_sizes(x.shape[1:2], x, "the channel axis", hint)
    return channels


def require_groups(groups: int, **counts: int) -> None:
    """Raises BuildError unless the channels and filters divide into as many groups."""
    for name, count in counts.items():
        if count % groups:
            raise BuildError(f"{count} {name} do not divide into {groups} groups", path=("groups",))


@Layer.registry.register("conv")
@dataclass(frozen=True, kw_only=True)
class Conv(_Convolution):
    """Convolution over the axes after the channels: one for sequences, two for images, three for volumes.

    y[b, f, p] = activation(bias[f] + Σ over channels c and window elements k of weight[f, c, k] · x[b, c, p·stride +
    k·dilation − padding]), the cross-correlation that every framework calls convolution.

    | | shape |
    |---|---|
    | input | (batch, channels, height, width), or one or three axes after the channels |
    | output | (batch, filters, ⌊(height + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, …) |
    | `weight` | (filters, channels / groups, kernel height, kernel width) |
    | `bias` | (filters) |

    Channels come before height and width, as in PyTorch and ONNX. Images declared as `[28, 28]` get their channel axis
    with `expand_dims: 1`; without it their rows would be channels. For sequences (batch, time, features), as embeddings
    and recurrent layers have them, say `channels: last`.

    With `padding: causal` no output depends on a later step (van den Oord et al., WaveNet, 2016, with growing
    `dilation`); going step by step (`inference_step`) the layer keeps the steps that its window still needs.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - conv: {filters: 16, kernel_size: 3, padding: same, activation: relu}
  - max_pool: 2
  - flatten
  - dense: 1
"""
    filters: int = spec_field("Number of output channels.", minimum=1)
    kernel_size: Sizes = spec_field(KERNEL_SIZE, minimum=1)
    stride: Sizes = spec_field(STRIDE, default=1, minimum=1)
    padding: Literal["same", "valid", "causal"] | int | tuple[int, ...] = spec_field(
        f"{PADDING} `causal`, of sequences: all zeros before the first step.", default="valid", minimum=0
    )
    dilation: Sizes = spec_field(DILATION, default=1, minimum=1)
    groups: int = spec_field(GROUPS, default=1, minimum=1)
    channels: Literal["first", "last"] = spec_field(
        "Whether the channels are the first axis after the batch or the last one, in input and output.", default="first"
    )

    @property
    def causal(self) -> bool:
        return self.padding == "causal" and self.channels == "last"

    @property
    def remembers(self) -> bool:
        return self.causal

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        if self.channels == "first":
            return self._over(context, x)
        spatial_rank(x)
        inner = list(range(1, x.rank - 1))
        y = self._over(context, op.Transpose(x, perm=[0, x.rank - 1, *inner]))
        return op.Transpose(y, perm=[0, *(axis + 1 for axis in inner), 1])

    def _over(self, context: LayerContext, x: Value) -> Value:
        """The convolution of x, (batch, channels, size, …)."""
        sequences = "give 'channels: last' for sequences (batch, time, features)" if self.channels == "first" else None
        channels = channels_of(x, sequences)
        require_groups(self.groups, channels=channels, filters=self.filters)
        kernel = an_axis_each(self.kernel_size, x, "kernel_size")
        size = math.prod(kernel)
        weight, bias = self.tensors(
            context,
            (self.filters, channels // self.groups, *kernel),
            self.filters,
            fan_in=channels // self.groups * size,
            fan_out=self.filters // self.groups * size,
        )
        padding = self.padding
        if padding == "causal":
            x, padding = self._after_earlier_steps(context, x), "valid"
        layout = windows(x, self.kernel_size, self.stride, self.dilation, padding)
        return self.activated(op.Conv(x, weight, bias, group=self.groups, **attributes_of(layout)))

    def _after_earlier_steps(self, context: LayerContext, x: Value) -> Value:
        """x, (batch, channels, time), behind as many zeros, or steps of earlier calls, as the window reaches back."""
        if x.rank != 3:
            raise BuildError(f"causal padding is for sequences, received {shape_text(x.shape)}", path=("padding",))
        if an_axis_each(self.stride, x, "stride") != (1,):
            raise BuildError("causal padding needs a stride of 1", path=("stride",))
        (size,), (dilation,) = (
            an_axis_each(numbers, x, field)
            for numbers, field in ((self.kernel_size, "kernel_size"), (self.dilation, "dilation"))
        )
        reach = (size - 1) * dilation
        if reach == 0:
            return x
        earlier = context.kept("steps", (*x.shape[:2], reach)) if self.causal else None
        if earlier is None:
            return pad_zeros(x, [0, 0, reach], [0, 0, 0])
        x = op.Concat(earlier, x, axis=2)
        context.keep("steps", op.Slice(x, [-reach], [FAR], [2]))
        return x


@Layer.registry.register("depthwise_conv")
@dataclass(frozen=True, kw_only=True)
class DepthwiseConv(_Convolution):
    """Convolution of each channel on its own: `conv` with as many groups as channels.

    | | shape |
    |---|---|
    | input | (batch, channels, height, width), or one or three axes after the channels |
    | output | (batch, channels · multiplier, …), the filters of a channel in a row |
    | `weight` | (channels · multiplier, 1, kernel height, kernel width) |
    | `bias` | (channels · multiplier) |

    A `conv` with `kernel_size: 1` after it mixes the channels (a depthwise separable convolution).
    Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - depthwise_conv: {kernel_size: 3, padding: same, use_bias: false}
  - conv: {filters: 16, kernel_size: 1, activation: relu}
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "kernel_size"
    kernel_size: Sizes = spec_field(KERNEL_SIZE, minimum=1)
    multiplier: int = spec_field("Number of filters for each channel.", default=1, minimum=1)
    stride: Sizes = spec_field(STRIDE, default=1, minimum=1)
    padding: Padding = spec_field(PADDING, default="valid", minimum=0)
    dilation: Sizes = spec_field(DILATION, default=1, minimum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        channels = channels_of(x)
        filters = channels * self.multiplier
        kernel = an_axis_each(self.kernel_size, x, "kernel_size")
        size = math.prod(kernel)
        weight, bias = self.tensors(
            context, (filters, 1, *kernel), filters, fan_in=size, fan_out=self.multiplier * size
        )
        layout = windows(x, self.kernel_size, self.stride, self.dilation, self.padding)
        return self.activated(op.Conv(x, weight, bias, group=channels, **attributes_of(layout)))


@Layer.registry.register("conv_transpose")
@dataclass(frozen=True, kw_only=True)
class ConvTranspose(_Convolution):
    """Transposed convolution, which makes images larger: the derivative of `conv` by its input as a layer.

    Each input element adds its value times the kernel to the output, `stride` apart.

    | | shape |
    |---|---|
    | input | (batch, channels, height, width), or one or three axes after the channels |
    | output | (batch, filters, (height − 1)·stride + dilation·(kernel − 1) + 1 + output_padding − padding, …) |
    | `weight` | (channels, filters / groups, kernel height, kernel width) |
    | `bias` | (filters) |

    Padding here is what is cut off the output; `same` makes it height · stride. A kernel size that the stride divides
    avoids checkerboard patterns. Zeiler et al., Deconvolutional Networks, CVPR 2010.
    """

    example: ClassVar[str] = """
inputs: {image: [8, 7, 7]}
network:
  - conv_transpose: {filters: 1, kernel_size: 4, stride: 2, padding: same}
"""
    filters: int = spec_field("Number of output channels.", minimum=1)
    kernel_size: Sizes = spec_field(KERNEL_SIZE, minimum=1)
    stride: Sizes = spec_field(
        "Distance between what neighbouring elements add to. One number, or one for each axis.", default=1, minimum=1
    )
    padding: Padding = spec_field(
        "What is cut off the output. `valid`: nothing. `same`: so much that the output is stride times as large. "
        + AMOUNTS,
        default="valid",
        minimum=0,
    )
    output_padding: Sizes = spec_field(
        "Elements added behind the output, less than the stride. One number, or one for each axis.",
        default=0,
        minimum=0,
    )
    dilation: Sizes = spec_field(DILATION, default=1, minimum=1)
    groups: int = spec_field(GROUPS, default=1, minimum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        channels = channels_of(x)
        require_groups(self.groups, channels=channels, filters=self.filters)
        kernel = an_axis_each(self.kernel_size, x, "kernel_size")
        size = math.prod(kernel)
        weight, bias = self.tensors(
            context,
            (channels, self.filters // self.groups, *kernel),
            self.filters,
            fan_in=channels // self.groups * size,
            fan_out=self.filters // self.groups * size,
        )
        layout, lengths = self._layout(x)
        return self.activated(transposed(x, weight, bias, lengths, layout, self.groups))

    def _layout(self, x: Value) -> tuple[tuple[Window, ...], tuple[Dim, ...]]:
        """The windows, and the sizes of the output."""
        same = self.padding == "same"
        layout = windows(x, self.kernel_size, self.stride, self.dilation, "valid" if same else self.padding)
        extra = an_axis_each(self.output_padding, x, "output_padding")
        made, lengths = [], []
        for axis, (plain, more) in enumerate(zip(layout, extra, strict=True)):
            n = x.shape[axis + 2]
            if plain.stride > 1:
                static_sizes((n,), x, f"a stride of {plain.stride}")
            if more >= plain.stride:
                message = f"must be less than the stride of {plain.stride}, received {more}"
                raise BuildError(message, path=("output_padding",))
            full = (n - 1) * plain.stride + plain.extent + more
            total = max(0, known(plain.extent) + more - plain.stride) if same else plain.padding
            window = replace(plain, before=total // 2, after=total - total // 2) if same else plain
            length = n * plain.stride if same else full - total
            if isinstance(length, int) and length < 1:
                raise BuildError(f"{total} cut off {full} positions leave nothing", path=("padding",))
            made.append(window)
            lengths.append(length)
        return tuple(made), tuple(lengths)
