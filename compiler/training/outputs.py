"""The outputs of the graphs that train and evaluate, by name: losses, metrics and what comes next."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import DType, Value
from ..network import Forward
from ..ops.cast import cast
from ..spec.settings import TrainingSettings
from .loss_sums import loss_sums
from .objective import Objectives


def next_values(values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{name}.next": value for name, value in values.items()}


def batch_losses(objectives: Objectives) -> dict[str, Value]:
    """The loss, and where there are several objectives that of each."""
    return {"loss": objectives.loss, **{name: each.loss for name, each in objectives.named.items()}}


def batch_metrics(training: TrainingSettings, objectives: Objectives) -> dict[str, Value]:
    """The metrics that are a ratio of two sums, for the batch of a step."""
    values = {}
    for entry in training.metrics:
        if entry.metric.finalize == "ratio":
            total, weight = (cast(part, DType.float32) for part in objectives.metrics[entry.name].values())
            values[entry.name] = total / weight
    return values


def evaluation_sums(objectives: Objectives, forward: Forward) -> dict[str, Value]:
    """The evaluation outputs: the sums of the loss, of that of each objective, and of each metric."""
    sums = loss_sums(objectives, forward)
    for name, objective in objectives.named.items():
        sums |= loss_sums(objective, forward, name)
    for name, parts in objectives.metrics.items():
        sums.update({f"{name}.{suffix}": value for suffix, value in parts.items()})
    return sums
