"""`metrics.jsonl`: one JSON object a line, for plots and scripts.

    {"kind": "step", "epoch": 1, "step": 50, "loss": 0.41, "accuracy": 0.88}
    {"kind": "epoch", "epoch": 1, "step": 90, "seconds": 0.2, "rate": 28000.0, "train": {…}, "validation": {…}}

Epochs and steps are counted from 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .atomic import write_atomically, write_problem
from .callbacks import Callback, EpochDone, StepDone
from .checkpoint import Position
from .summary import jsonable


class MetricsFile(Callback):
    """Appends to the file: every epoch, and every `step_interval`-th step. Lines reach the file as they are written."""

    def __init__(self, path: Path, *, step_interval: int = 50) -> None:
        self._path = path
        self._step_interval = step_interval
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise write_problem(path, error) from error

    def on_step(self, event: StepDone) -> None:
        if event.step % self._step_interval == 0:
            head = {"kind": "step", "epoch": event.epoch + 1, "step": event.step}
            self._write({**head, "loss": event.loss, **event.metrics})

    def on_epoch(self, event: EpochDone) -> None:
        self._write(
            {
                "kind": "epoch",
                "epoch": event.epoch + 1,
                "step": event.step,
                "seconds": event.seconds,
                "rate": event.rate,
                "train": event.train,
                "validation": event.validation,
            }
        )

    def close(self) -> None:
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(jsonable(line), allow_nan=False) + "\n")
        except OSError as error:
            raise write_problem(self._path, error) from error


def forget_after(path: Path, position: Position) -> None:
    """Drop the lines that a killed run wrote after its last checkpoint; the resumed run writes them again."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    kept = [line for line in lines if _is_before(line, position)]
    write_atomically(path, "".join(f"{line}\n" for line in kept).encode())


def _is_before(line: str, position: Position) -> bool:
    try:
        entry = json.loads(line)
        if entry["kind"] == "epoch":
            return int(entry["epoch"]) <= position.epoch
        return int(entry["step"]) <= position.step
    except (ValueError, KeyError, TypeError):  # torn by the kill
        return False
