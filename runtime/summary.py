"""The result of a run, as `summary.json` holds it."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .atomic import write_atomically
from .evaluator import Metrics


@dataclass(frozen=True)
class Summary:
    """Metrics of each partition (None where it has no rows), by the weights that were kept.

    seconds: training, in all. steps, epochs: trained, in all. best_epoch: counted from 1; None without one.
    """

    train: Metrics
    validation: Metrics | None
    test: Metrics | None
    seconds: float
    steps: int
    epochs: int
    best_epoch: int | None
    stopped_early: bool
    device: str
    seed: int

    def write(self, path: Path) -> None:
        """Write `summary.json`. A number that is not finite becomes null, because JSON has none."""
        text = json.dumps(jsonable(dataclasses.asdict(self)), indent=2, allow_nan=False)
        write_atomically(path, f"{text}\n".encode())


def jsonable(value: Any) -> Any:
    """The value with NaN and infinities replaced by None."""
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
