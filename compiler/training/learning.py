"""The network as it trains: in another order, in another precision, with convolutions in other forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir import DType, Graph, Value
from ..network import Forward
from ..passes import choose_conv_forms, pool_before_relu
from ..precision import in_half
from ..spec.settings import TrainingSettings
from ..variables import Variables


def reordered(learning: Forward) -> Forward:
    """The network as it is cheapest to train."""
    named = {str(i): value for i, value in enumerate([*learning.values.values(), *learning.statistics.values()])}
    made = list(pool_before_relu(Graph("learning", (), named)).outputs.values())
    count = len(learning.values)
    return replace(
        learning,
        values=dict(zip(learning.values, made[:count], strict=True)),
        statistics=dict(zip(learning.statistics, made[count:], strict=True)),
    )


def in_precision(training: TrainingSettings, learning: Forward, variables: Variables, random_counter: Value) -> Forward:
    """The network as it computes while it trains. What losses and metrics read of it has the dtype it always has."""
    if training.precision == "float32":
        return learning
    free = [variables.values[name] for name in variables.of_kind("parameter")] + [random_counter]
    named = {**learning.values, **learning.statistics}
    made = dict(zip(named.values(), in_half(list(named.values()), free, DType(training.precision)), strict=True))
    return replace(
        learning,
        values={name: made[value] for name, value in learning.values.items()},
        statistics={name: made[value] for name, value in learning.statistics.items()},
    )


def with_conv_forms(learning: Sequence[Graph]) -> dict[str, Graph]:
    """The graphs with their convolutions in the forms chosen, at one go, because they share nearly all nodes."""
    outputs = {f"{i}.{name}": value for i, graph in enumerate(learning) for name, value in graph.outputs.items()}
    made = choose_conv_forms(Graph("learning", (), outputs)).outputs
    return {
        graph.name: replace(graph, outputs={name: made[f"{i}.{name}"] for name in graph.outputs})
        for i, graph in enumerate(learning)
    }
