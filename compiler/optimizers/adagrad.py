"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import Value
from ..ops import op
from ..schedules import Schedule
from .base import Optimizer
from .fields import LEARNING_RATE, epsilon_field

SUM = "square_sum"


@Optimizer.registry.register("adagrad")
@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """Rates that fall with all the gradients seen: s ← s + g², w ← w − learning_rate · g / (√s + epsilon).

    Equal to PyTorch's `Adagrad`. Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization, JMLR 2011. State per parameter: `square_sum`.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "adagrad: {learning_rate: 0.05}"
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.01, exclusive_minimum=0)
    epsilon: float = epsilon_field(1e-10)
    initial_accumulator: float = spec_field("The first value of s.", default=0.0, minimum=0)

    def slots(self) -> Mapping[str, float]:
        return {SUM: self.initial_accumulator}

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        del step
        total = slots[SUM] + gradient * gradient
        return parameter - gradient / (op.Sqrt(total) + self.epsilon) * rate, {SUM: total}
