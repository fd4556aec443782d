"""Run a graph with numpy, through the operators' own records: for constant folding, initial weights and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InternalError
from .graph import Graph
from .operator import find
from .value import Array, Node, Value


def evaluate(graph: Graph, feeds: Mapping[str, Any]) -> dict[str, Array]:
    """The outputs of the graph by name, for an array per input name.

    Raises InternalError when an input is missing or an operator's record has no numpy function.
    """
    missing = [value.name for value in graph.inputs if value.name not in feeds]
    if missing:
        raise InternalError(f"no array is given for the inputs {', '.join(missing)} of the graph {graph.name}")
    arrays: dict[Value, Array] = {v: np.asarray(feeds[v.name], v.dtype.numpy) for v in graph.inputs}
    nodes = graph.nodes()
    readers = _readers(nodes, graph)
    for node in nodes:
        arrays.update(zip(node.outputs, _run(node, arrays), strict=True))
        for value in set(node.given_inputs):  # large networks: free what nobody will read again
            readers[value] -= 1
            if not readers[value]:
                del arrays[value]
    return {name: arrays[value] for name, value in graph.outputs.items()}


def _run(node: Node, arrays: Mapping[Value, Array]) -> list[Array]:
    if node.op_type == "Constant":
        return [node.attribute("value")]
    function = find(node.op_type, node.domain).evaluate
    if function is None:
        raise InternalError(f"the operator {node.op_type} cannot be evaluated with numpy")
    inputs = [None if value is None else arrays[value] for value in node.inputs]
    with np.errstate(all="ignore"):  # infinities and NaN are results like others
        results = function(*inputs, **node.attributes)
    results = results if isinstance(results, tuple) else (results,)
    return [np.asarray(result, out.dtype.numpy) for result, out in zip(results, node.outputs, strict=True)]


def _readers(nodes: list[Node], graph: Graph) -> dict[Value, int]:
    """How many nodes read each value; the graph's own outputs count once more and so are kept."""
    counts: dict[Value, int] = {}
    for node in nodes:
        for value in set(node.given_inputs):
            counts[value] = counts.get(value, 0) + 1
    for value in graph.outputs.values():
        counts[value] = counts.get(value, 0) + 1
    return counts
