"""Random zeros while training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from .. import random
from ..ir import Value
from ..ops.slicing import take
from .base import Layer, LayerContext
from .checks import require_float
from .window_fields import spatial_rank


@Layer.registry.register("dropout")
@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """While training, each number is 0 with probability `rate`, else divided by 1 − rate; otherwise y = x.

    Dividing keeps the mean, so that nothing changes at inference ("inverted dropout"). The mask is a function of the
    seed, the step, the layer and the element: a run repeats and resumes bit for bit.
    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 2014.
    """

    example: ClassVar[str] = "dropout: 0.2"
    shorthand: ClassVar[str | None] = "rate"
    rate: float = spec_field("Probability of a zero.", minimum=0, exclusive_maximum=1)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        require_float(x)
        if not context.training or self.rate == 0:
            return x
        return x * random.dropout_mask(context.random_key(), x, self.rate)


@Layer.registry.register("spatial_dropout")
@dataclass(frozen=True, kw_only=True)
class SpatialDropout(Layer):
    """While training, each channel of each example is 0 with probability `rate`, else divided by 1 − rate.

    Neighbouring pixels are alike, so that dropping single ones removes little. Input and output are (batch, channels,
    height, width), or have one or three axes after the channels. The mask is repeatable, as that of `dropout`.
    Tompson et al., Efficient Object Localization Using Convolutional Networks, CVPR 2015.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - conv: {filters: 16, kernel_size: 3, activation: relu}
  - spatial_dropout: 0.2
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "rate"
    rate: float = spec_field("Probability of a zero.", minimum=0, exclusive_maximum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        rank = spatial_rank(x)
        if not context.training or self.rate == 0:
            return x
        corner = x
        for axis in range(2, 2 + rank):
            corner = take(corner, axis, 0, 1)
        return x * random.dropout_mask(context.random_key(), corner, self.rate)
