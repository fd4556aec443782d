"""Rebuild a graph node by node, replacing what a rule wants replaced. Passes are written with this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .graph import Graph
from .operator import apply_record, find
from .value import Node, Scope, Value, _scope

Replace = Callable[[Node, tuple["Value | None", ...]], "Sequence[Value] | None"]
"""(old node, its already rewritten inputs) -> the new outputs, or None to keep the node."""


def rewrite(graph: Graph, replace: Replace) -> tuple[Graph, bool]:
    """Visit nodes in order; the second result says whether anything was replaced.

    Bodies of nodes are not entered; a rule that wants to rewrites the attribute.
    """
    mapped: dict[Value, Value] = {}
    changed = False
    for node in graph.nodes():
        inputs = tuple(None if value is None else mapped.get(value, value) for value in node.inputs)
        token = _scope.set(Scope(node.scope, node.origin))  # replacements keep the place of what they replace
        try:
            new = replace(node, inputs)
            if new is not None:
                changed = True
            elif inputs != node.inputs:
                new = rebuild(node, inputs)
        finally:
            _scope.reset(token)
        if new is not None:
            mapped.update(zip(node.outputs, new, strict=True))
    outputs = {name: mapped.get(value, value) for name, value in graph.outputs.items()}
    return Graph(graph.name, graph.inputs, outputs, graph.metadata), changed


def substitute(values: Sequence[Value], replacements: Mapping[Value, Value]) -> list[Value]:
    """The same computation of `values` over other inputs."""
    mapped = dict(replacements)
    graph = Graph("substitute", (), {str(i): value for i, value in enumerate(values)})
    for node in graph.nodes():
        if any(output in mapped for output in node.outputs):
            continue
        inputs = tuple(None if value is None else mapped.get(value, value) for value in node.inputs)
        if inputs != node.inputs:
            token = _scope.set(Scope(node.scope, node.origin))
            try:
                mapped.update(zip(node.outputs, rebuild(node, inputs), strict=True))
            finally:
                _scope.reset(token)
    return [mapped.get(value, value) for value in values]


def rebuild(node: Node, inputs: tuple[Value | None, ...]) -> tuple[Value, ...]:
    """The same operator over other inputs, its type inferred again."""
    if node.op_type == "Constant":
        return node.outputs
    return apply_record(find(node.op_type, node.domain), inputs, node.attributes)
