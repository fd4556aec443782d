"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import GlorotUniform, Initializer, Zeros
from ..ir import Value, shape_text
from .base import Activation, Layer, LayerContext
from .checks import require_float, static_sizes


@Layer.registry.register("dense")
@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """Fully connected layer: y = activation(x · weight + bias), along the last axis.

    | | shape |
    |---|---|
    | input | (batch, …, n): the axes between are kept, each position is mapped on its own |
    | output | (batch, …, units) |
    | `weight` | (n, units) |
    | `bias` | (units) |

    Put `flatten` before it to connect all axes of an image. Over a sequence (batch, time, n) it maps each step alike,
    which other frameworks call time-distributed.
    """

    example: ClassVar[str] = "dense: {units: 64, activation: relu, name: hidden}"
    shorthand: ClassVar[str | None] = "units"
    units: int = spec_field("Number of outputs.", minimum=1)
    activation: Activation | None = spec_field("Function of the result; none unless given.", default=None)
    use_bias: bool = spec_field("Whether to add a bias.", default=True)
    weight_initializer: Initializer = spec_field(
        "First values of `weight`; `glorot_uniform` unless given.", default_factory=GlorotUniform
    )
    bias_initializer: Initializer = spec_field("First values of `bias`; zeros unless given.", default_factory=Zeros)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        if x.rank < 2:
            raise BuildError(
                f"needs an axis after the batch, received {shape_text(x.shape)}", "declare a single number as `[1]`"
            )
        require_float(x)
        (size,) = static_sizes(x.shape[-1:], x, "the last axis of a dense layer's input")
        shape = (size, self.units)
        weight = context.parameter(
            "weight", shape, self.weight_initializer, fan_in=size, fan_out=self.units, regularized=True
        )
        y = x @ weight
        if self.use_bias:
            y = y + context.parameter("bias", (self.units,), self.bias_initializer, fan_in=size, fan_out=self.units)
        return y if self.activation is None else self.activation.apply(y)
