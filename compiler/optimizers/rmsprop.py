"""RMSProp."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import Value
from ..ops import op
from ..schedules import Schedule
from .base import Optimizer
from .fields import LEARNING_RATE, decay_field, epsilon_field
from .sgd import VELOCITY

SQUARES = "square_sum"
GRADIENTS = "gradient_sum"


@Optimizer.registry.register("rmsprop")
@dataclass(frozen=True, kw_only=True)
class RMSProp(Optimizer):
    """Gradients divided by their recent size: v ← ρ·v + (1 − ρ)·g², w ← w − learning_rate · g / (√v + epsilon).

    `centered` subtracts the square of the average gradient from v (Graves 2013); with `momentum` the quotients are
    collected into a velocity first. Equal to PyTorch's `RMSprop`, whose `alpha` is ρ. Tieleman and Hinton 2012.

    State per parameter: `square_sum` = v / (1 − ρ), `gradient_sum` (centered; the average / (1 − ρ)) and `velocity`
    (momentum; times √(1 − ρ)). Kept so, the factors 1 − ρ go into the rate and cost no pass over the numbers.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "rmsprop: {learning_rate: 1e-3, centered: true}"
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.01, exclusive_minimum=0)
    rho: float = decay_field("ρ, the weight of the past.", 0.99)
    epsilon: float = epsilon_field(1e-8)
    momentum: float = decay_field("The share of the velocity that is kept.", 0.0)
    centered: bool = spec_field("Whether to divide by the standard deviation of the gradient.", default=False)

    def slots(self) -> Mapping[str, float]:
        names = [SQUARES, *([GRADIENTS] if self.centered else []), *([VELOCITY] if self.momentum else [])]
        return dict.fromkeys(names, 0.0)

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        del step
        share = 1 - self.rho
        squares = slots[SQUARES] * self.rho + gradient * gradient
        following = {SQUARES: squares}
        variance = squares
        if self.centered:
            total = slots[GRADIENTS] * self.rho + gradient
            following[GRADIENTS] = total
            variance = op.Relu(squares - total * total * share)  # rounding may leave a constant gradient below 0
        direction = gradient / (op.Sqrt(variance) + self.epsilon / math.sqrt(share))
        if self.momentum:
            direction = slots[VELOCITY] * self.momentum + direction
            following[VELOCITY] = direction
        return parameter - direction * (rate / math.sqrt(share)), following
