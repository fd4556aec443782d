"""Normalization within each example: of groups of channels or single ones, by the root mean square, by neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import Ones
from ..ir import Value, product
from ..ops import op
from ..ops.shapes import reshape
from .base import Layer, LayerContext
from .checks import feature_axis, require_float, static_sizes
from .standardize import BIAS, EPSILON, SCALE, affine_parameters, centered, inverse_deviation
from .window_fields import spatial_rank


@dataclass(frozen=True, kw_only=True)
class _Grouped(Layer):
    """What `group_norm` and `instance_norm` share."""

    epsilon: float = spec_field(EPSILON, default=1e-5, exclusive_minimum=0)
    scale: bool = spec_field(SCALE, default=True)
    bias: bool = spec_field(BIAS, default=True)

    def normalized(self, context: LayerContext, x: Value, channels: int, groups: int) -> Value:
        """Each group of channels with mean 0 and variance 1, then `scale` and `bias` for each channel."""
        apart = reshape(x, (x.shape[0], groups, channels // groups * product(x.shape[2:])))
        distance, _, variance = centered(apart, [2])
        y = reshape(distance * inverse_deviation(variance, self.epsilon), x.shape, x)
        scale, bias = affine_parameters(context, channels, x.rank, 1, scale=self.scale, bias=self.bias)
        y = y if scale is None else y * scale
        return y if bias is None else y + bias


def _channels(x: Value) -> int:
    spatial_rank(x)
    (channels,) = static_sizes(x.shape[1:2], x, "the channel axis")
    return channels


@Layer.registry.register("group_norm")
@dataclass(frozen=True, kw_only=True)
class GroupNorm(_Grouped):
    """y = (x − mean) / √(variance + epsilon) · scale + bias, with the mean and variance of each group of channels.

    Input and output are (batch, channels, height, width), or have one or three axes after the channels; `scale` and
    `bias` are (channels). It does the same in training and inference. Wu and He, Group Normalization, ECCV 2018.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - conv: {filters: 16, kernel_size: 3, padding: same}
  - group_norm: 4
  - relu
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "groups"
    groups: int = spec_field("Number of groups; it divides the channels.", minimum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        channels = _channels(x)
        if channels % self.groups:
            raise BuildError(f"{channels} channels do not divide into {self.groups} groups", path=("groups",))
        return self.normalized(context, x, channels, self.groups)


@Layer.registry.register("instance_norm")
@dataclass(frozen=True, kw_only=True)
class InstanceNorm(_Grouped):
    """y = (x − mean) / √(variance + epsilon) · scale + bias, with mean and variance of each channel of each example.

    Input and output are (batch, channels, height, width), or have one or three axes after the channels; `scale` and
    `bias` are (channels). Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - instance_norm
  - conv: {filters: 4, kernel_size: 3}
  - global_average_pool
  - dense: 1
"""

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        channels = _channels(inputs[0])
        return self.normalized(context, inputs[0], channels, channels)


@Layer.registry.register("rms_norm")
@dataclass(frozen=True, kw_only=True)
class RMSNorm(Layer):
    """y = x / √(mean of x² + epsilon) · scale, over the axes from `axis` to the last.

    `scale` has the shape of the normalized axes. Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
    """

    example: ClassVar[str] = "rms_norm: {epsilon: 1e-6}"
    axis: int = spec_field("The first normalized axis; 0 is the batch, -1 the last axis alone.", default=-1)
    epsilon: float = spec_field("Added to the mean of the squares.", default=1e-5, exclusive_minimum=0)
    scale: bool = spec_field(SCALE, default=True)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        require_float(x)
        axis = feature_axis(self.axis, x)
        shape = static_sizes(x.shape[axis:], x, "a normalized axis")
        size = math.prod(shape)
        squares = op.ReduceSumSquare(x, list(range(axis, x.rank)), keepdims=1)
        y = x * inverse_deviation(squares * (1 / size), self.epsilon)
        return y * context.parameter("scale", shape, Ones(), fan_in=size, fan_out=size) if self.scale else y


@Layer.registry.register("local_response_norm")
@dataclass(frozen=True, kw_only=True)
class LocalResponseNorm(Layer):
    """y = x / (k + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels at the same place.

    Half of the neighbours are before a channel and half behind it. Input and output are (batch, channels,
    height, width), or have one or three axes after the channels. As AlexNet has it: `{size: 5, alpha: 5e-4, k: 2}`.
    Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - conv: {filters: 16, kernel_size: 3, activation: relu}
  - local_response_norm: {size: 5, alpha: 5e-4, k: 2}
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "size"
    size: int = spec_field("How many channels are summed over, an odd number.", default=5, minimum=1)
    alpha: float = spec_field("Factor of the mean of the squares.", default=1e-4)
    beta: float = spec_field("The exponent.", default=0.75)
    k: float = spec_field("Added to it.", default=1.0)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        _channels(x)
        if self.size % 2 == 0:
            raise BuildError(f"must be an odd number, received {self.size}", path=("size",))
        image = x if x.rank == 4 else reshape(x, (*x.shape[:2], product(x.shape[2:]), 1))
        y = op.LRN(image, size=self.size, alpha=self.alpha, beta=self.beta, bias=self.k)
        return y if x.rank == 4 else reshape(y, x.shape, x)
