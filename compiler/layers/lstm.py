"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from netwright.schema import spec_field

from ..initializers import Initializer
from ..initializers.constant import filled
from ..ir import Value, apply, constant, op
from .base import Layer
from .recurrence import GatedRecurrence, Weights


@Layer.registry.register("lstm")
@dataclass(frozen=True, kw_only=True)
class Lstm(GatedRecurrence):
    """Long short-term memory: a cell c that gates write, keep and read.

    With z = x · weight + h · recurrent_weight + bias, cut into four parts of `units` numbers, in this order

        i = σ(z₁)   f = σ(z₂)   o = σ(z₃)   g = tanh(z₄)        input, forget and output gate, candidate
        c′ = f · c + i · g        h′ = o · tanh(c′)

    | | shape |
    |---|---|
    | input | (batch, time, n) |
    | output | (batch, time, units), with `return: last` (batch, units); twice as wide when `bidirectional` |
    | `weight`, `recurrent_weight`, `bias` | (n, 4·units), (units, 4·units), (4·units), gates in the order i, f, o, g |
    | `peephole` | (3·units), for i, f, o |
    | state | h and c side by side, (batch, 2·units), for each layer and direction |

    Of stacked layers the second's parameters are called `layer2_weight` and so on, those of the second direction
    `backward_weight`, `layer2_backward_weight`. PyTorch's `LSTM` has the matrices transposed, the gates in the order
    i, f, g, o, and two biases, whose sum is `bias`.

    Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9, 1997; the forget gate is that of Gers,
    Schmidhuber and Cummins 2000, its bias of 1 that of Jozefowicz, Zaremba and Sutskever 2015, the peepholes those of
    Gers and Schmidhuber 2000.
    """

    example: ClassVar[str] = """
inputs: {words: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 1000, units: 32}
  - lstm: {units: 64, layers: 2, bidirectional: true}
  - dense: 5
"""
    peepholes: bool = spec_field(
        "Whether the gates see the cell: i and f read c · peephole, o reads c′ · peephole.", default=False
    )
    forget_bias: float = spec_field("First value of the forget gate's bias; the others start at 0.", default=1.0)

    cell_states: ClassVar[int] = 2

    def weights(self, ask: Weights, size: int) -> Mapping[str, Value]:
        units = self.units
        bias = _GateBias(units=units, forget=self.forget_bias)
        own = {
            "weight": ask.matrix("weight", size, 4 * units, self.weight_initializer, 4),
            "recurrent_weight": ask.matrix("recurrent_weight", units, 4 * units, self.recurrent_initializer, 4),
            "bias": ask.vector("bias", 4 * units, bias),
        }
        return own | ({"peephole": ask.vector("peephole", 3 * units)} if self.peepholes else {})

    def project(self, steps: Value, weights: Mapping[str, Value]) -> Value:
        return steps @ weights["weight"] + weights["bias"]

    def cell(
        self, projected: Value, states: Sequence[Value], read: Value, weights: Mapping[str, Value]
    ) -> Sequence[Value]:
        c, units = states[1], self.units
        z = projected + read @ weights["recurrent_weight"]
        if self.peepholes:
            first, z_o, z_g = _parts(z, 2 * units, units, units)
            p_if, p_o = _parts(weights["peephole"], 2 * units, units)
            i, f = _parts(op.Sigmoid(first + op.Concat(c, c, axis=-1) * p_if), units, units)
            following = f * c + i * op.Tanh(z_g)
            o = op.Sigmoid(z_o + following * p_o)
        else:
            gates, z_g = _parts(z, 3 * units, units)
            i, f, o = _parts(op.Sigmoid(gates), units, units, units)
            following = f * c + i * op.Tanh(z_g)
        return [o * op.Tanh(following), following]


def _parts(value: Value, *sizes: int) -> tuple[Value, ...]:
    """The value cut along its last axis."""
    return apply("Split", value, constant(np.array(sizes, np.int64)), axis=-1)


@dataclass(frozen=True, kw_only=True)
class _GateBias(Initializer):
    """0 for all gates but the forget gate."""

    units: int
    forget: float

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del key, shape, fan_in, fan_out
        others = filled(0.0, (self.units,)), filled(0.0, (2 * self.units,))
        return op.Concat(others[0], filled(self.forget, (self.units,)), others[1], axis=0)
