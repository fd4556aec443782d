"""Rebuild a graph node by node, replacing what a rule wants replaced. Passes are written with this."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from .graph import Graph
from .operator import apply_record, find
from .value import Node, Scope, Value, _scope

Replace = Callable[[Node, tuple["Value | None", ...]], "Sequence[Value] | None"]
"""(old node, its already rewritten inputs) -> the new outputs, or None to keep the node."""


def rewrite(graph: Graph, replace: Replace, only: Collection[str] | None = None) -> tuple[Graph, bool]:
    """Visit nodes in order; the second result says whether anything was replaced.

    `only` are the operators that the rule ever replaces: it is not asked about others, nor are graphs without one gone
    through. Bodies of nodes are not entered; a rule that wants to rewrites the attribute.
    """
    if only is not None and graph.operators.isdisjoint(only):
        return graph, False
    mapped: dict[Value | None, Value] = {}
    changed = False
    with _restored_scope():
        for node in graph.nodes():
            inputs = node.inputs
            if not mapped.keys().isdisjoint(inputs):
                inputs = tuple([None if value is None else mapped.get(value, value) for value in inputs])
            new: Sequence[Value] | None = None
            if only is None or node.op_type in only:
                _stand_at(node)
                new = replace(node, inputs)
            if new is not None:
                changed = True
            elif inputs != node.inputs:
                _stand_at(node)
                new = rebuild(node, inputs)
            if new is not None:
                mapped.update(zip(node.outputs, new, strict=True))
    if not changed:
        return graph, False
    outputs = {name: mapped.get(value, value) for name, value in graph.outputs.items()}
    return Graph(graph.name, graph.inputs, outputs, graph.metadata), True


def substitute(values: Sequence[Value], replacements: Mapping[Value, Value]) -> list[Value]:
    """The same computation of `values` over other inputs."""
    mapped = dict(replacements)
    graph = Graph("substitute", (), {str(i): value for i, value in enumerate(values)})
    with _restored_scope():
        for node in graph.nodes():
            if any(output in mapped for output in node.outputs):
                continue
            inputs = tuple(None if value is None else mapped.get(value, value) for value in node.inputs)
            if inputs != node.inputs:
                _stand_at(node)
                mapped.update(zip(node.outputs, rebuild(node, inputs), strict=True))
    return [mapped.get(value, value) for value in values]


@contextlib.contextmanager
def _restored_scope() -> Iterator[None]:
    token = _scope.set(_scope.get())
    try:
        yield
    finally:
        _scope.reset(token)


def _stand_at(node: Node) -> None:
    """Let new nodes have the place of this one, which they replace. Most nodes stand where the one before does."""
    current = _scope.get()
    if node.scope != current.name or node.origin is not current.origin:
        _scope.set(Scope(node.scope, node.origin))


def rebuild(node: Node, inputs: tuple[Value | None, ...]) -> tuple[Value, ...]:
    """The same operator over other inputs, its type inferred again unless that could not change it."""
    if node.op_type == "Constant":
        return node.outputs
    if all(old is new or _infers_alike(old, new) for old, new in zip(node.inputs, inputs, strict=True)):
        types = tuple(output.type for output in node.outputs)
        return Node(node.op_type, node.domain, inputs, node.attributes, types, inferred=node.inferred).outputs
    return apply_record(find(node.op_type, node.domain), inputs, node.attributes)


def _infers_alike(old: Value | None, new: Value | None) -> bool:
    """Whether no operator's inference can tell the two apart: it reads types, and the values of constants and sizes."""
    if old is None or new is None or old.type != new.type or not new.dtype.is_float:
        return False
    return old.constant is None and new.constant is None
