"""Dynamic loss scaling: gradients in float16 are computed of a scaled loss, so that small ones do not become 0.

The loss is multiplied by `loss_scale` before it is differentiated, and the gradients are divided by it in float32. A
step with a gradient or a loss that is not finite changes nothing but the scale, which halves; after `growth_interval`
steps without one it doubles. Micikevicius et al., Mixed Precision Training, ICLR 2018; as PyTorch's `GradScaler`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..initializers.constant import Constant
from ..ir import DType, Value, constant, op, scope
from ..spec.settings import LossScaling
from ..state import State
from ..variables import Variables
from .update import RANDOM_COUNTER

LOSS_SCALE: Final = "loss_scale"
GOOD_STEPS: Final = "good_steps"
LEAST: Final = 2.0**-14
"""The scale halves no further. A network whose gradients overflow even so has diverged."""
LARGEST: Final = 2.0**127
"""The largest power of two in float32."""


@dataclass(frozen=True)
class Scaling:
    """The state of loss scaling: the factor (float32), and the steps since it changed (int64); both scalars."""

    scale: Value
    good_steps: Value
    growth_interval: int


def declare_scaling(settings: LossScaling | None, variables: Variables) -> Scaling | None:
    """Declare the two states; None without loss scaling."""
    if settings is None:
        return None
    start, zero = Constant(value=settings.initial), Constant(value=0.0)
    return Scaling(
        variables.declare(State(LOSS_SCALE, (), "scale", start, trainable=False)),
        variables.declare(State(GOOD_STEPS, (), "counter", zero, dtype=DType.int64, trainable=False)),
        settings.growth_interval,
    )


def unscaled(gradients: Mapping[str, Value], loss: Value, scaling: Scaling) -> dict[str, Value]:
    """The gradients of the loss from those of the scaled one. A loss that is not finite makes them all NaN: some losses
    have finite gradients even then, and the step must not be taken."""
    with scope(LOSS_SCALE):
        nothing = constant(np.float32(np.nan))
        factor = op.Where(op.Less(op.Abs(loss), np.float32(np.inf)), op.Reciprocal(scaling.scale), nothing)
        return {name: gradient * factor for name, gradient in gradients.items()}


def all_finite(gradients: Mapping[str, Value]) -> Value:
    """Whether every number of every gradient is finite; a boolean scalar.

    Told by the sum of squares, one pass over each gradient: an infinity or a NaN among them stays in it. Squares that
    overflow float32 by themselves, those of gradients beyond 10^18, count as not finite.
    """
    with scope(LOSS_SCALE):
        if not gradients:
            return constant(True)
        total = op.Sum(*(op.ReduceSumSquare(gradient, keepdims=0) for gradient in gradients.values()))
        return op.Less(total, np.float32(np.inf))


def hold(following: Mapping[str, Value], variables: Variables, finite: Value) -> dict[str, Value]:
    """The next state where the step is taken; where it is skipped the state as it is, but for the random counter."""
    held = {}
    with scope(LOSS_SCALE):
        for name, value in following.items():
            current = variables.values[name]
            moves_on = value is current or name == RANDOM_COUNTER
            held[name] = value if moves_on else op.Where(finite, value, current)
    return held


def next_scaling(scaling: Scaling, finite: Value) -> dict[str, Value]:
    """The two states after a step."""
    with scope(LOSS_SCALE):
        counted = scaling.good_steps + 1
        due = op.GreaterOrEqual(counted, scaling.growth_interval)
        kept = op.Where(due, op.Min(scaling.scale * 2.0, LARGEST), scaling.scale)
        return {
            LOSS_SCALE: op.Where(finite, kept, op.Max(scaling.scale * 0.5, LEAST)),
            GOOD_STEPS: op.Where(op.And(finite, op.Not(due)), counted, 0),
        }
