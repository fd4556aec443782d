"""Which epoch was best, and when to stop waiting for a better one."""

from __future__ import annotations

import math

from .checkpoint import Best, Position
from .finalize import MetricValue
from .manifest import Manifest, TrainingPlan


class EarlyStopper:
    """Follows the monitored metric over the epochs. What it remembers is in the `Position`, so that runs resume.

    `best` is the best epoch by any improvement: its weights are kept. `stale` counts the epochs since the metric last
    improved on `reference` by more than `minimum_change`; `patience` of them end the run.
    """

    def __init__(self, manifest: Manifest, plan: TrainingPlan) -> None:
        self._rule = plan.early_stopping
        self.monitor = plan.early_stopping.monitor if plan.early_stopping else plan.monitor
        goals = {metric.name: metric.goal for metric in manifest.metrics}
        self._sign = -1.0 if goals[self.monitor] == "min" else 1.0

    def observe(self, position: Position, metrics: dict[str, MetricValue]) -> bool:
        """Take note of the epoch that has just ended. True when it is the best so far. NaN is never better."""
        value = metrics[self.monitor]
        assert isinstance(value, float)  # `load_bundle` admits only metrics with a goal, which are numbers
        improved = not math.isnan(value) and (position.best is None or self._sign * (value - position.best.value) > 0)
        change = self._rule.minimum_change if self._rule else 0.0
        if improved:
            position.best = Best(position.epoch, value)
        if improved and (position.reference is None or self._sign * (value - position.reference) > change):
            position.reference, position.stale = value, 0
        else:
            position.stale += 1
        return improved

    def finished(self, position: Position) -> bool:
        """Whether patience has run out."""
        return self._rule is not None and position.stale >= self._rule.patience
