"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import Value
from ..schedules import Schedule
from .base import Optimizer
from .fields import LEARNING_RATE, decay_field

VELOCITY = "velocity"


@Optimizer.registry.register("sgd")
@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent: w ← w − learning_rate · g.

    With `momentum` μ: v ← μ·v + g, w ← w − learning_rate · v; with `nesterov` too: w ← w − learning_rate · (g + μ·v).
    `weight_decay` adds weight_decay · w to g. Equal to PyTorch's `SGD`.
    Polyak 1964; Sutskever et al., On the Importance of Initialization and Momentum in Deep Learning, ICML 2013.

    State per parameter: `velocity`, only with momentum.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "sgd: {learning_rate: 0.1, weight_decay: 1e-4}"
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.01, exclusive_minimum=0)
    momentum: float = decay_field("μ, the share of the velocity that is kept.", 0.0)
    nesterov: bool = spec_field("Whether to look ahead along the velocity.", default=False)
    weight_decay: float = spec_field("Pull of every parameter toward 0.", default=0.0, minimum=0)

    def slots(self) -> Mapping[str, float]:
        return {VELOCITY: 0.0} if self.momentum else {}

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        del step
        if self.weight_decay:  # not folded into w · (1 − rate · decay), whose rounding would bias small decays
            gradient = gradient + parameter * self.weight_decay
        if not self.momentum:
            return parameter - gradient * rate, {}
        return momentum_update(parameter, gradient, slots[VELOCITY], rate, self.momentum, nesterov=self.nesterov)


@Optimizer.registry.register("momentum")
@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """Gradient descent with momentum μ: v ← μ·v + g, w ← w − learning_rate · v. Equal to PyTorch's `SGD(momentum=μ)`.

    Polyak, Some Methods of Speeding up the Convergence of Iteration Methods, 1964. State per parameter: `velocity`.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "momentum: {learning_rate: 0.05, momentum: 0.95}"
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.01, exclusive_minimum=0)
    momentum: float = decay_field("μ, the share of the velocity that is kept.", 0.9)

    def slots(self) -> Mapping[str, float]:
        return {VELOCITY: 0.0}

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        del step
        return momentum_update(parameter, gradient, slots[VELOCITY], rate, self.momentum, nesterov=False)


@Optimizer.registry.register("nesterov")
@dataclass(frozen=True, kw_only=True)
class Nesterov(Optimizer):
    """Gradient descent with Nesterov's momentum μ: v ← μ·v + g, w ← w − learning_rate · (g + μ·v).

    Equal to PyTorch's `SGD(momentum=μ, nesterov=True)`. Nesterov 1983, in the form of Sutskever et al., ICML 2013.
    State per parameter: `velocity`.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = "nesterov: {learning_rate: 0.05}"
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.01, exclusive_minimum=0)
    momentum: float = decay_field("μ, the share of the velocity that is kept.", 0.9)

    def slots(self) -> Mapping[str, float]:
        return {VELOCITY: 0.0}

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        del step
        return momentum_update(parameter, gradient, slots[VELOCITY], rate, self.momentum, nesterov=True)


def momentum_update(
    parameter: Value, gradient: Value, velocity: Value, rate: Value, momentum: float, *, nesterov: bool
) -> tuple[Value, Mapping[str, Value]]:
    velocity = velocity * momentum + gradient
    direction = gradient + velocity * momentum if nesterov else velocity
    return parameter - direction * rate, {VELOCITY: velocity}
