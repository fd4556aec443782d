"""Progress: a live bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from .callbacks import Callback, EpochDone, RunStarted, StepDone
from .evaluator import Metrics

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from .summary import Summary

REFRESH_SECONDS = 0.1
"""A bar need not change more often than an eye can follow, and steps may be faster than that."""


def terminal_progress(stream: TextIO | None = None) -> Callback:
    """A live bar where the stream (stderr by default) is a terminal, else plain lines."""
    stream = stream or sys.stderr
    return RichProgress(stream) if stream.isatty() else PlainProgress(stream)


class PlainProgress(Callback):
    """One line an epoch, and a line every `interval` seconds inside long ones."""

    def __init__(self, stream: TextIO, *, interval: float = 30.0) -> None:
        self._stream = stream
        self._interval = interval
        self._epochs = 0
        self._clock = Clock()
        self._said = time.monotonic()

    def on_start(self, event: RunStarted) -> None:
        self._epochs = event.epochs
        self._clock.start(event)
        self._say(describe_start(event))

    def on_step(self, event: StepDone) -> None:
        self._clock.step(event)
        if time.monotonic() - self._said >= self._interval:
            self._say(
                f"epoch {event.epoch + 1}/{self._epochs} step {event.step_in_epoch}: "
                f"{describe_metrics({'loss': event.loss, **event.metrics})}  {self._clock.left()} left"
            )

    def on_epoch(self, event: EpochDone) -> None:
        self._say(f"{describe_epoch(event, self._epochs)}  {self._clock.left()} left")

    def on_notice(self, text: str) -> None:
        self._say(text)

    def on_end(self, summary: Summary) -> None:
        for line in describe_summary(summary):
            self._say(line)

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        print(text, file=self._stream, flush=True)


class RichProgress(Callback):
    """A bar over all steps with epoch, loss, metrics, rate and time left; a line above it for each epoch."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._epochs = 0
        self._clock = Clock()
        self._drawn = 0.0

    def on_start(self, event: RunStarted) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._epochs = event.epochs
        self._clock.start(event)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[detail]}"))
        self._bar = Progress(*columns, console=Console(file=self._stream), auto_refresh=False)
        self._bar.start()
        self._say(describe_start(event))
        done = event.step
        total = event.steps_per_epoch * event.epochs
        self._task = self._bar.add_task(self._title(event.epoch), total=total, completed=done, detail="")

    def on_step(self, event: StepDone) -> None:
        self._clock.step(event)
        now = time.monotonic()
        if self._bar is None or self._task is None or now - self._drawn < REFRESH_SECONDS:
            return
        self._drawn = now
        detail = (
            f"{describe_metrics({'loss': event.loss, **event.metrics})}  "
            f"{self._clock.rate():,.0f} rows/s  {self._clock.left()} left"
        )
        self._bar.update(
            self._task, completed=event.step, detail=detail, description=self._title(event.epoch), refresh=True
        )

    def on_epoch(self, event: EpochDone) -> None:
        self._say(describe_epoch(event, self._epochs))

    def on_notice(self, text: str) -> None:
        self._say(text)

    def on_end(self, summary: Summary) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
        for line in describe_summary(summary):
            self._say(line)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _title(self, epoch: int) -> str:
        return f"epoch {min(epoch + 1, self._epochs)}/{self._epochs}"

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Clock:
    """Rate and time left, from the steps of this process alone."""

    def __init__(self) -> None:
        self._began = 0.0
        self._first_step = 0
        self._step = 0
        self._rows = 0
        self._total = 0

    def start(self, event: RunStarted) -> None:
        self._began = time.monotonic()
        self._first_step = self._step = event.step
        self._total = event.steps_per_epoch * event.epochs

    def step(self, event: StepDone) -> None:
        self._step = event.step
        self._rows += event.rows

    def rate(self) -> float:
        """Rows a second."""
        return self._rows / max(time.monotonic() - self._began, 1e-9)

    def left(self) -> str:
        """Time to the last epoch, as h:mm:ss."""
        done = self._step - self._first_step
        if done == 0:
            return "-:--:--"
        seconds = round((time.monotonic() - self._began) / done * max(self._total - self._step, 0))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def describe_start(event: RunStarted) -> str:
    rows = ", ".join(f"{count:,} {part}" for part, count in event.rows.items())
    resumed = f", going on at epoch {event.epoch + 1}, step {event.step}" if event.step else ""
    return f"{event.name}: {event.parameters:,} parameters on {event.device}; rows: {rows}{resumed}"


def describe_epoch(event: EpochDone, epochs: int) -> str:
    validation = f"  validation: {describe_metrics(event.validation)}" if event.validation is not None else ""
    best = "  best so far" if event.best else ""
    train = describe_metrics(event.train)
    return f"epoch {event.epoch + 1}/{epochs}  train: {train}{validation}  {event.rate:,.0f} rows/s{best}"


def describe_summary(summary: Summary) -> list[str]:
    """The last words: what was kept, and how good it is."""
    kept = f", best epoch {summary.best_epoch}" if summary.best_epoch is not None else ""
    lines = [f"trained {summary.epochs} epochs, {summary.steps:,} steps in {summary.seconds:.1f} s{kept}"]
    for part, metrics in (("train", summary.train), ("validation", summary.validation), ("test", summary.test)):
        if metrics is not None:
            lines.append(f"  {part + ':':<12}{describe_metrics(metrics)}")
    return lines


def describe_metrics(metrics: Metrics | dict[str, float]) -> str:
    """`loss 0.1234  accuracy 0.9876`; matrices are left to the summary file."""
    return "  ".join(f"{name} {_number(value)}" for name, value in metrics.items() if isinstance(value, float))


def _number(value: float) -> str:
    """Four decimals, or three significant digits of what would read 0.0000."""
    return f"{value:.4f}" if value == 0 or not abs(value) < 5e-4 else f"{value:.2e}"
