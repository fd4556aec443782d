"""Step decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import DType, Value, constant
from ..ops import op
from .base import Horizon, Schedule
from .length import only_one, steps_of_epochs


@Schedule.registry.register("step")
@dataclass(frozen=True, kw_only=True)
class StepDecay(Schedule):
    """initial · factor^⌊step / interval⌋: the rate falls by `factor` after each `every_epochs` or `every_steps`."""

    example: ClassVar[str] = "step: {initial: 0.1, factor: 0.5, every_epochs: 10}"
    initial: float = spec_field("The learning rate at the start.", exclusive_minimum=0)
    factor: float = spec_field("What the rate is multiplied by.", default=0.1, exclusive_minimum=0)
    every_epochs: float | None = spec_field("The interval in epochs.", default=None, exclusive_minimum=0)
    every_steps: int | None = spec_field("The interval in steps.", default=None, minimum=1)

    def rate(self, step: Value, horizon: Horizon) -> Value:
        drops = op.Floor(step / self._interval(horizon))
        return op.Pow(constant(self.factor, DType.float32), drops) * self.initial

    def _interval(self, horizon: Horizon) -> int:
        only_one(self.every_steps, self.every_epochs, ("every_steps", "every_epochs"))
        if self.every_steps is not None:
            return self.every_steps
        if self.every_epochs is not None:
            return steps_of_epochs(self.every_epochs, horizon, "every_epochs", "every_steps")
        raise BuildError("needs `every_epochs` or `every_steps`", "for example `every_epochs: 10`")
