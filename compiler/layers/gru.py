"""The gated recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from netwright.schema import spec_field

from ..ir import Value, apply, constant, op
from .base import Layer
from .recurrence import GatedRecurrence, Weights


@Layer.registry.register("gru")
@dataclass(frozen=True, kw_only=True)
class Gru(GatedRecurrence):
    """Gated recurrent unit: a state that a gate z keeps, and a gate r hides from the candidate n.

        r = σ(x · W₁ + h · U₁ + b₁)        z = σ(x · W₂ + h · U₂ + b₂)        h′ = (1 − z) · n + z · h

    `reset: after`, the default, is the form of cuDNN and PyTorch,
    n = tanh(x · W₃ + b₃ + r · (h · U₃ + recurrent_bias)):
    one product with the state a step. `reset: before` is the original, n = tanh(x · W₃ + (r · h) · U₃ + b₃).

    | | shape |
    |---|---|
    | input | (batch, time, n) |
    | output | (batch, time, units), with `return: last` (batch, units); twice as wide when `bidirectional` |
    | `weight`, `recurrent_weight`, `bias` | (n, 3·units), (units, 3·units), (3·units), gates in the order r, z, n |
    | `recurrent_bias` | (units), only with `reset: after` |

    Of stacked layers the second's parameters are called `layer2_weight` and so on, those of the second direction
    `backward_weight`, `layer2_backward_weight`. PyTorch's `GRU` has the matrices transposed and two biases: `bias` is
    their sum for r and z, and the first of them for n; `recurrent_bias` is the second for n.

    Cho et al., Learning Phrase Representations using RNN Encoder–Decoder, EMNLP 2014.
    """

    example: ClassVar[str] = """
inputs: {x: [time, 4]}
network:
  - gru: 16
"""
    reset: Literal["after", "before"] = spec_field(
        "Whether r acts on the product of the state with its weights, or on the state.", default="after"
    )

    def weights(self, ask: Weights, size: int) -> Mapping[str, Value]:
        units = self.units
        own = {
            "weight": ask.matrix("weight", size, 3 * units, self.weight_initializer, 3),
            "recurrent_weight": ask.matrix("recurrent_weight", units, 3 * units, self.recurrent_initializer, 3),
            "bias": ask.vector("bias", 3 * units),
        }
        if self.reset == "after":
            return own | {"recurrent_bias": ask.vector("recurrent_bias", units)}
        gates, candidate = _parts(own["recurrent_weight"], 2 * units, units)
        return own | {"gates": gates, "candidate": candidate}

    def project(self, steps: Value, weights: Mapping[str, Value]) -> Value:
        return steps @ weights["weight"] + weights["bias"]

    def cell(
        self, projected: Value, states: Sequence[Value], read: Value, weights: Mapping[str, Value]
    ) -> Sequence[Value]:
        units = self.units
        of_input, n_input = _parts(projected, 2 * units, units)
        if self.reset == "after":
            of_state, n_state = _parts(read @ weights["recurrent_weight"], 2 * units, units)
            r, z = _parts(op.Sigmoid(of_input + of_state), units, units)
            n = op.Tanh(n_input + r * (n_state + weights["recurrent_bias"]))
        else:
            r, z = _parts(op.Sigmoid(of_input + read @ weights["gates"]), units, units)
            n = op.Tanh(n_input + (r * read) @ weights["candidate"])
        return [n + z * (states[0] - n)]


def _parts(value: Value, *sizes: int) -> tuple[Value, ...]:
    """The value cut along its last axis."""
    return apply("Split", value, constant(np.array(sizes, np.int64)), axis=-1)
