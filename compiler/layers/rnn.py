"""The simple recurrent layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value
from .activations import Tanh
from .base import Activation, Layer
from .recurrence import GatedRecurrence, Weights


@Layer.registry.register("rnn")
@dataclass(frozen=True, kw_only=True)
class Rnn(GatedRecurrence):
    """Simple recurrent layer: h′ = activation(x · weight + h · recurrent_weight + bias).

    | | shape |
    |---|---|
    | input | (batch, time, n) |
    | output | (batch, time, units), with `return: last` (batch, units); twice as wide when `bidirectional` |
    | `weight`, `recurrent_weight`, `bias` | (n, units), (units, units), (units) |

    What is fed back is the hidden units (Elman, Finding Structure in Time, Cognitive Science 14, 1990), or, with
    `jordan: m`, the outputs: y′ = output_activation(h′ · output_weight + output_bias), m numbers that are the layer's
    output and its state, h′ = activation(x · weight + y · recurrent_weight + bias) (Jordan, Serial Order, 1986).

    Of stacked layers the second's parameters are called `layer2_weight` and so on, those of the second direction
    `backward_weight`, `layer2_backward_weight`. PyTorch's `RNN` has the matrices transposed and two biases, whose sum
    is `bias`.
    """

    example: ClassVar[str] = """
inputs: {x: [time, 4]}
network:
  - rnn: {units: 16, return: last}
  - dense: 3
"""
    activation: Activation = spec_field("Function of the sum.", default_factory=Tanh)
    jordan: int | None = spec_field(
        "Feed back so many outputs in place of the hidden units (a Jordan network).", default=None, minimum=1
    )
    output_activation: Activation | None = spec_field("Function of the outputs of a Jordan network.", default=None)

    @property
    def state_size(self) -> int:
        return self.units if self.jordan is None else self.jordan

    def weights(self, ask: Weights, size: int) -> Mapping[str, Value]:
        if self.output_activation is not None and self.jordan is None:
            raise BuildError(
                "'output_activation' is for a Jordan network", "give 'jordan' too", path=("output_activation",)
            )
        own = {
            "weight": ask.matrix("weight", size, self.units, self.weight_initializer),
            "recurrent_weight": ask.matrix("recurrent_weight", self.state_size, self.units, self.recurrent_initializer),
            "bias": ask.vector("bias", self.units),
        }
        if self.jordan is not None:
            own["output_weight"] = ask.matrix("output_weight", self.units, self.jordan, self.weight_initializer)
            own["output_bias"] = ask.vector("output_bias", self.jordan)
        return own

    def project(self, steps: Value, weights: Mapping[str, Value]) -> Value:
        return steps @ weights["weight"] + weights["bias"]

    def cell(
        self, projected: Value, states: Sequence[Value], read: Value, weights: Mapping[str, Value]
    ) -> Sequence[Value]:
        del states
        hidden = self.activation.apply(projected + read @ weights["recurrent_weight"])
        if self.jordan is None:
            return [hidden]
        output = hidden @ weights["output_weight"] + weights["output_bias"]
        return [output if self.output_activation is None else self.output_activation.apply(output)]
