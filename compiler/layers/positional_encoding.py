"""Where a step stands in its sequence, added to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import Initializer, Normal
from ..ir import DType, Value, op
from ..ops.shape_values import shape_value
from ..ops.slicing import take
from .attending import angles, require_sequence, steps
from .base import Layer, LayerContext
from .checks import static_sizes


@Layer.registry.register("positional_encoding")
@dataclass(frozen=True, kw_only=True)
class PositionalEncoding(Layer):
    """y[b, t] = x[b, t] + p[t], so that a network without recurrence can tell the steps of a sequence apart.

    `sinusoidal`: p[t, 2i] = sin(t / 10000^(2i/n)), p[t, 2i+1] the cosine of the same angle, for any length (Vaswani et
    al., Attention Is All You Need, 2017). `learned`: p is the parameter `weight`, of shape (`maximum`, n); a longer
    sequence is an error. Rotary positions belong to the heads: `multi_head_attention: {rotary: true}`.

    Input and output have the shape (batch, time, n).
    """

    example: ClassVar[str] = """
inputs: {words: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 1000, units: 32}
  - positional_encoding: {encoding: learned, maximum: 128}
  - multi_head_attention: 4
"""
    shorthand: ClassVar[str | None] = "encoding"
    encoding: Literal["sinusoidal", "learned"] = spec_field("Which p.", default="sinusoidal")
    maximum: int | None = spec_field("The most steps, where they are learned.", default=None, minimum=1)
    weight_initializer: Initializer = spec_field(
        "First values of `weight`; `normal` with standard deviation 0.02 unless given.",
        default_factory=lambda: Normal(stddev=0.02),
    )

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        if self.encoding == "learned" and self.maximum is None:
            raise BuildError("learned positions need to know how many there are", "give 'maximum' too")
        if self.encoding != "learned" and self.maximum is not None:
            raise BuildError("sinusoidal positions have no end", "give 'encoding: learned' too", ("maximum",))
        (x,) = inputs
        require_sequence(x)
        (size,) = static_sizes(x.shape[-1:], x, "the last axis of the input")
        start = context.kept("position", (1,), DType.int64)
        if start is not None:
            context.keep("position", start + shape_value([x.shape[1]], x))
        if self.maximum is None:
            return x + _sinusoids(steps(start, x.shape[1], x), size)
        return x + self._learned(context, x, size, start)

    def _learned(self, context: LayerContext, x: Value, size: int, start: Value | None) -> Value:
        assert self.maximum is not None
        time = x.shape[1]
        if isinstance(time, int) and time > self.maximum:
            raise BuildError(f"there are {self.maximum} positions for {time} steps", path=("maximum",))
        weight = context.parameter(
            "weight", (self.maximum, size), self.weight_initializer, fan_in=self.maximum, fan_out=size
        )
        return take(weight, 0, 0, time, x) if start is None else op.Gather(weight, steps(start, time, x))


def _sinusoids(positions: Value, size: int) -> Value:
    """(time, n): the cosine is the sine a quarter turn ahead."""
    turned = angles(positions, -(-size // 2), size, 10000.0, math.pi / 2)
    return op.Sin(turned if size % 2 == 0 else op.Slice(turned, [0], [size], [1]))
