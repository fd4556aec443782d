"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import DType, Value, constant
from ..ops import op
from ..schedules import Schedule
from .base import Optimizer
from .fields import LEARNING_RATE, decay_field, epsilon_field

FIRST = "first_moment"
SECOND = "second_moment"


@dataclass(frozen=True, kw_only=True)
class _Adam(Optimizer):
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.001, exclusive_minimum=0)
    beta1: float = decay_field("β₁, the weight of the past in the average gradient.", 0.9)
    beta2: float = decay_field("β₂, the weight of the past in the average squared gradient.", 0.999)
    epsilon: float = epsilon_field(1e-8)

    def slots(self) -> Mapping[str, float]:
        return {FIRST: 0.0, SECOND: 0.0}

    def step_from(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        """Adam's step from `parameter`, in ten passes over its numbers; every other operation is on scalars.

        With M = m / (1 − β₁) and V = v / (1 − β₂) the step rate · m̂ / (√v̂ + ε) is
        rate · c₁/c₂ · M / (√V + ε/c₂), where c₁ = (1 − β₁) / (1 − β₁ᵗ) and c₂ = √((1 − β₂) / (1 − β₂ᵗ)).
        """
        first = slots[FIRST] * self.beta1 + gradient
        second = slots[SECOND] * self.beta2 + gradient * gradient
        correction1 = (1 - self.beta1) / one_minus_power(self.beta1, step)
        correction2 = op.Sqrt((1 - self.beta2) / one_minus_power(self.beta2, step))
        direction = first / (op.Sqrt(second) + self.epsilon / correction2)
        return parameter - direction * (rate * correction1 / correction2), {FIRST: first, SECOND: second}


@Optimizer.registry.register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam(_Adam):
    """Adaptive moments: m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², w ← w − learning_rate · m̂ / (√v̂ + epsilon)
    with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) at step t = 1, 2, …

    Equal to PyTorch's `Adam`. Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.

    State per parameter: `first_moment` = m / (1 − β₁) and `second_moment` = v / (1 − β₂). Kept so, the constant
    factors go into the rate, and a step takes ten passes over the numbers instead of twelve.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "adam: {learning_rate: 2e-3}"

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        return self.step_from(parameter, gradient, slots, rate, step)


@Optimizer.registry.register("adamw")
@dataclass(frozen=True, kw_only=True)
class AdamW(_Adam):
    """Adam with decoupled weight decay: w ← w · (1 − learning_rate · weight_decay), then Adam's step.

    Equal to PyTorch's `AdamW`. Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    State per parameter as for `adam`.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "adamw: {learning_rate: {cosine: 1e-3}, weight_decay: 0.05}"
    weight_decay: float = spec_field("Pull of every parameter toward 0.", default=0.01, minimum=0)

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        decayed = parameter * (1 - rate * self.weight_decay) if self.weight_decay else parameter
        return self.step_from(decayed, gradient, slots, rate, step)


def one_minus_power(base: float, exponent: Value) -> Value:
    """1 − baseᵗ for a float32 scalar t ≥ 1, with all its digits: in float32 1 − 0.999 is wrong in the fifth.

    1 − e⁻ᵃ = 2u / (1 + u) with u = tanh(a/2), a = −t·ln(base).
    """
    if base == 0:
        return constant(1.0, DType.float32)
    u = op.Tanh(exponent * (-math.log(base) / 2))
    return u * 2.0 / (u + 1.0)
