"""What a learning-rate schedule is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import Described, Registry

from ..ir import Value


@dataclass(frozen=True)
class Horizon:
    """How long training lasts: `total_steps` and `steps_per_epoch` are None while the data's size is not known."""

    steps_per_epoch: int | None
    total_steps: int | None


@dataclass(frozen=True, kw_only=True)
class Schedule(Described):
    """The learning rate as a function of the step counter."""

    registry: ClassVar[Registry[Schedule]] = Registry("schedule")

    @abstractmethod
    def rate(self, step: Value, horizon: Horizon) -> Value:
        """The float32 scalar rate at `step` (float32 scalar, 0 for the first step).

        Raises BuildError when the schedule needs a horizon that is not known.
        """
