"""A graph: named inputs, named outputs, and the nodes reachable from those outputs.

A graph that is an attribute of a node (the body of a `Scan`) is closed: outer values it uses are inputs of that
node and of the body, so differentiating and rewriting never look across the border. Emission turns such inputs into
ONNX's outer-scope references.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .value import Node, Value


@dataclass(frozen=True)
class Graph:
    """`inputs` in order; `outputs` by public name, in order."""

    name: str
    inputs: tuple[Value, ...]
    outputs: Mapping[str, Value]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        """The nodes the outputs depend on, inputs before users."""
        return self._reachable

    @cached_property
    def _reachable(self) -> list[Node]:
        """Found once: a graph never changes, and every pass asks."""
        return reachable(self.outputs.values())

    @cached_property
    def operators(self) -> frozenset[str]:
        """The operators of the nodes, without those of their bodies."""
        return frozenset([node.op_type for node in self.nodes()])


def reachable(values: Iterable[Value]) -> list[Node]:
    """Every node that `values` depend on, in topological order."""
    found: dict[int, Node] = {}
    pending = [value.node for value in values if value.node is not None]
    while pending:
        node = pending.pop()
        if node.serial in found:
            continue
        found[node.serial] = node
        pending.extend([value.node for value in node.given_inputs if value.node is not None])
    return [found[serial] for serial in sorted(found)]
