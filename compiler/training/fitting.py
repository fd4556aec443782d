"""The graph that fits preprocessing statistics, and the order they are fitted in.

`fit.onnx` gives sums over a batch; the runtime adds them over the training data and finishes each statistic. One that
depends on another (the deviation on the mean) comes in a later stage, with the earlier one already in the state: so
no difference of large sums is ever taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir import DType, Graph, Value, constant, op, reachable, scope
from ..layer_context import Fitting
from ..network import Forward
from ..ops.cast import cast
from ..ops.shapes import shape_of
from ..variables import Variables

SUFFIXES = {
    "mean": ("sum", "weight"),
    "root_mean": ("sum", "weight"),
    "minimum": ("minimum",),
    "maximum": ("maximum",),
}
"""Statistic -> what the graph gives for it, in the order of the formula."""


@dataclass(frozen=True)
class FittingStep:
    """One statistic of the plan: its state, what it is, the graph's outputs for it, and its stage, from 0."""

    state: str
    statistic: str
    outputs: tuple[str, ...]
    stage: int


def build_fitting(forward: Forward, variables: Variables) -> tuple[Graph, list[FittingStep]]:
    """The graph over the features and the fitted state, and the plan in order of stages."""
    fitted = [variables.values[name] for name in forward.fittings]
    outputs: dict[str, Value] = {}
    for name, fitting in forward.fittings.items():
        with scope(f"{name}/fit"):
            for suffix, value in zip(SUFFIXES[fitting.statistic], _parts(fitting), strict=True):
                outputs[f"{name}.{suffix}"] = value
    stages = _stages(forward.fittings, variables)
    plan = [
        FittingStep(name, fitting.statistic, tuple(f"{name}.{s}" for s in SUFFIXES[fitting.statistic]), stages[name])
        for name, fitting in forward.fittings.items()
    ]
    graph = Graph("fit", (*forward.features.values(), *fitted), outputs)
    return graph, sorted(plan, key=lambda step: step.stage)


def _parts(fitting: Fitting) -> list[Value]:
    axes = list(fitting.axes)
    if fitting.statistic == "minimum":
        return [op.ReduceMin(fitting.of, axes, keepdims=0)]
    if fitting.statistic == "maximum":
        return [op.ReduceMax(fitting.of, axes, keepdims=0)]
    sizes = op.Gather(shape_of(fitting.of), axes)
    count = op.ReduceProd(cast(sizes, DType.float32), constant([0], DType.int64), keepdims=0)
    return [op.ReduceSum(fitting.of, axes, keepdims=0), count]


def _stages(fittings: Mapping[str, Fitting], variables: Variables) -> dict[str, int]:
    """One more than the latest stage that a statistic's value depends on."""
    stages: dict[str, int] = {}
    for name, fitting in fittings.items():  # in the order of building: what is depended on comes first
        read = {value for node in reachable([fitting.of]) for value in node.given_inputs}
        stages[name] = max((stages[other] + 1 for other in stages if variables.values[other] in read), default=0)
    return stages
