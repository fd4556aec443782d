"""Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import Value
from ..ops import op
from ..schedules import Schedule
from .base import Optimizer
from .fields import LEARNING_RATE, decay_field, epsilon_field

SQUARES = "square_sum"
DELTAS = "delta_square_sum"


@Optimizer.registry.register("adadelta")
@dataclass(frozen=True, kw_only=True)
class Adadelta(Optimizer):
    """Steps in the parameter's own unit: v ← ρ·v + (1 − ρ)·g², d = g · √(u + epsilon) / √(v + epsilon),
    u ← ρ·u + (1 − ρ)·d², w ← w − learning_rate · d.

    Equal to PyTorch's `Adadelta`. Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.

    State per parameter: `square_sum` = v / (1 − ρ) and `delta_square_sum` = u / (1 − ρ). Kept so, the factors 1 − ρ
    cancel in the ratio and cost no pass over the numbers.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "adadelta: {rho: 0.95}"
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=1.0, exclusive_minimum=0)
    rho: float = decay_field("ρ, the weight of the past in both averages.", 0.9)
    epsilon: float = epsilon_field(1e-6)

    def slots(self) -> Mapping[str, float]:
        return {SQUARES: 0.0, DELTAS: 0.0}

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        del step
        epsilon = self.epsilon / (1 - self.rho)
        squares = slots[SQUARES] * self.rho + gradient * gradient
        delta = op.Sqrt((slots[DELTAS] + epsilon) / (squares + epsilon)) * gradient
        deltas = slots[DELTAS] * self.rho + delta * delta
        return parameter - delta * rate, {SQUARES: squares, DELTAS: deltas}
