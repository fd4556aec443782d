"""What a run tells whoever listens. Progress bars, log files and notebooks are callbacks; without any it is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .evaluator import Metrics

if TYPE_CHECKING:
    from .summary import Summary


@dataclass(frozen=True)
class RunStarted:
    """The plan of a run. Epochs and steps are counted from 0; `epoch` and `step` say where a resumed run goes on."""

    name: str
    device: str
    epochs: int
    steps_per_epoch: int
    epoch: int
    step: int
    rows: dict[str, int]
    parameters: int


@dataclass(frozen=True)
class StepDone:
    """One training step. `epoch` is counted from 0, `step` (of the run) and `step_in_epoch` from 1."""

    epoch: int
    step_in_epoch: int
    step: int
    rows: int
    loss: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class EpochDone:
    """One epoch, counted from 0. `train` are means over the epoch's steps, `validation` is of the weights at its end.

    seconds: training in all. rate: training rows a second in this epoch.
    """

    epoch: int
    step: int
    seconds: float
    rate: float
    train: Metrics
    validation: Metrics | None
    best: bool


class Callback:
    """Base of the listeners: override what interests you. Called in the training thread, between steps."""

    def on_start(self, event: RunStarted) -> None:
        """Training is about to begin."""

    def on_step(self, event: StepDone) -> None:
        """A step has been read."""

    def on_epoch(self, event: EpochDone) -> None:
        """An epoch has ended and, where there are validation rows, been validated."""

    def on_notice(self, text: str) -> None:
        """Something worth a line, such as early stopping."""

    def on_end(self, summary: Summary) -> None:
        """Training has ended by itself and the run folder is complete."""

    def close(self) -> None:
        """Let go of the terminal and of files; called however the run ends."""
