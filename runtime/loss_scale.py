"""Loss scaling as the trainer sees it: the graph does it, and says in its state how it goes.

A step whose loss or gradients are not finite is skipped by the graph: nothing changes but the scale, which halves. The
counter `step` counts the steps that were taken. docs/bundle.md has the contract.
"""

from __future__ import annotations

from .bundle import Bundle
from .engine import TrainingState

LEAST = 2.0**-14
"""The scale falls no further."""


class LossScale:
    """What a run asks about loss scaling. `used`: whether the bundle scales its loss."""

    def __init__(self, bundle: Bundle, state: TrainingState) -> None:
        self.used = any(entry.name == "loss_scale" for entry in bundle.manifest.state)
        self._state = state
        self._known = 0

    def start(self, step: int) -> None:
        """Note how many of the `step` steps so far were skipped."""
        self._known = self._skipped(step)

    def is_exhausted(self) -> bool:
        """Whether the last step overflowed and the scale has fallen to its least: a smaller one would not help."""
        if not self.used:
            return False
        return self._state.scalar("good_steps") == 0 and self._state.scalar("loss_scale") <= LEAST

    def report(self, step: int) -> str | None:
        """A line about the steps skipped since the last report; None when there were none."""
        skipped, before = self._skipped(step), self._known
        self._known = skipped
        if skipped == before:
            return None
        count = skipped - before
        steps = "1 step overflowed and was" if count == 1 else f"{count:,} steps overflowed and were"
        return f"{steps} skipped; the loss scale is {self._state.scalar('loss_scale'):g}"

    def _skipped(self, step: int) -> int:
        return step - int(self._state.scalar("step")) if self.used else 0
