"""Cosine decay with linear warm-up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value
from ..ops import op
from .base import Horizon, Schedule
from .length import only_one, steps_of_epochs


@Schedule.registry.register("cosine")
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Rises in a straight line to `peak` during warm-up, then falls along half a cosine to `final`.

    With w warm-up steps of n: peak · (step + 1) / w while step < w, then final + ½ · (peak − final) · (1 + cos πt) with
    t = (step − w) / (n − w); after n steps the rate stays at `final`. n is the whole of training unless `steps` is
    given. Loshchilov and Hutter, SGDR, ICLR 2017; warm-up as in Goyal et al. 2017.
    """

    example: ClassVar[str] = "cosine: {peak: 0.1, final: 1e-4, warmup_epochs: 2}"
    shorthand: ClassVar[str | None] = "peak"
    peak: float = spec_field("The highest learning rate.", exclusive_minimum=0)
    final: float = spec_field("The learning rate at the end.", default=0.0, minimum=0)
    warmup_steps: int | None = spec_field("Length of the warm-up in steps; none unless given.", default=None, minimum=0)
    warmup_epochs: float | None = spec_field("Length of the warm-up in epochs.", default=None, minimum=0)
    steps: int | None = spec_field("Length of the schedule, warm-up included.", default=None, minimum=1)

    def rate(self, step: Value, horizon: Horizon) -> Value:
        warmup, total = self._warmup(horizon), self._total(horizon)
        if self.warmup_epochs and self.steps is None and horizon.total_steps and horizon.steps_per_epoch:
            epochs = horizon.total_steps // horizon.steps_per_epoch
            if self.warmup_epochs >= epochs:
                message = f"a warm-up of {self.warmup_epochs:g} epochs leaves nothing of the {epochs} of training"
                raise BuildError(message, path=("warmup_epochs",))
        if warmup >= total:
            raise BuildError(
                f"the warm-up of {warmup} steps leaves nothing of the {total} steps that the schedule lasts",
                path=("warmup_epochs" if self.warmup_epochs is not None else "warmup_steps",),
            )
        # ½·(1 + cos πt) = sin²(½π·(1 − t)), which does not cancel at the end.
        remaining = op.Clip((total - step) / (total - warmup), 0.0, 1.0)
        wave = op.Sin(remaining * (math.pi / 2))
        decayed = wave * wave * (self.peak - self.final) + self.final
        # The decay has not begun while the rate rises, so the two factors never both act.
        return decayed * op.Min((step + 1.0) / warmup, 1.0) if warmup else decayed

    def _warmup(self, horizon: Horizon) -> int:
        only_one(self.warmup_steps, self.warmup_epochs, ("warmup_steps", "warmup_epochs"))
        if self.warmup_epochs:
            return steps_of_epochs(self.warmup_epochs, horizon, "warmup_epochs", "warmup_steps")
        return self.warmup_steps or 0

    def _total(self, horizon: Horizon) -> int:
        total = self.steps if self.steps is not None else horizon.total_steps
        if total is None:
            raise BuildError(
                "needs to know how many steps training takes, but the size of the data is not known here",
                "give `steps`",
            )
        return total
