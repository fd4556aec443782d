"""The graph that predicts, and which inputs a graph needs to have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..ir import Graph, Value, reachable
from ..network import Forward
from ..variables import Variables


def build_inference(forward: Forward, variables: Variables) -> Graph:
    """Features -> outputs, over what they depend on: heads and features that losses alone read are left out.

    Where outputs depend on no feature the graph has all of them, which give a host a batch.
    """
    features = read_of(forward.features.values(), forward.outputs) or list(forward.features.values())
    return Graph("inference", (*features, *read_of(variables.values.values(), forward.outputs)), forward.outputs)


def read_of(values: Iterable[Value], outputs: Mapping[str, Value]) -> list[Value]:
    """Those of the values that outputs depend on."""
    read = {value for node in reachable(outputs.values()) for value in node.given_inputs} | set(outputs.values())
    return [value for value in values if value in read]
