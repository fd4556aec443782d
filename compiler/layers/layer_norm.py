"""Layer normalization."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from netwright.schema import spec_field

from ..initializers import Ones, Zeros
from ..ir import Value, constant
from ..ops import apply
from .base import Layer, LayerContext
from .checks import feature_axis, require_float, static_sizes


@Layer.registry.register("layer_norm")
@dataclass(frozen=True, kw_only=True)
class LayerNorm(Layer):
    """y = (x − mean) / √(variance + epsilon) · scale + bias, over the axes from `axis` to the last.

    Mean and variance (the biased one) are those of each example, so training and inference do the same. `scale` and
    `bias` have the shape of the normalized axes. Ba, Kiros and Hinton, Layer Normalization, 2016.
    """

    example: ClassVar[str] = "layer_norm: {epsilon: 1e-6}"
    axis: int = spec_field("The first normalized axis; 0 is the batch, -1 the last axis alone.", default=-1)
    epsilon: float = spec_field("Added to the variance.", default=1e-5, exclusive_minimum=0)
    scale: bool = spec_field("Whether to learn `scale`, first 1.", default=True)
    bias: bool = spec_field("Whether to learn `bias`, first 0.", default=True)

    @property
    def causal(self) -> bool:
        return self.axis == -1

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        require_float(x)
        axis = feature_axis(self.axis, x)
        shape = static_sizes(x.shape[axis:], x, "a normalized axis")
        size = math.prod(shape)
        scale = (
            context.parameter("scale", shape, Ones(), fan_in=size, fan_out=size)
            if self.scale
            else constant(np.ones(shape), x.dtype)
        )
        bias = context.parameter("bias", shape, Zeros(), fan_in=size, fan_out=size) if self.bias else None
        return apply("LayerNormalization", x, scale, bias, axis=axis, epsilon=self.epsilon)[0]
