"""Compute equal things once: nodes with the same operator, inputs and attributes become one node."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..ir import Graph, Node, Value
from ..ir.rewrite import rebuild, rewrite


def merge_common_subexpressions(graph: Graph) -> tuple[Graph, bool]:
    """Keep the first of each group of equal nodes. Operators are pure: there is no randomness but the counter's."""
    first: dict[Hashable, Sequence[Value]] = {}

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        key = (
            node.domain,
            node.op_type,
            inputs,
            tuple([(name, _hashable(node.attributes[name])) for name in sorted(node.attributes)]),
        )
        known = first.get(key)
        if known is None:
            # An unchanged node may stand as it is; one with new inputs is rebuilt here so that the key names it.
            first[key] = node.outputs if inputs == node.inputs else rebuild(node, inputs)
            return None if first[key] is node.outputs else first[key]
        return known

    merged, _ = rewrite(graph, replace)
    return merged, len(merged.nodes()) < len(graph.nodes())


def _hashable(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape, value.tobytes())
    if isinstance(value, Graph):
        return id(value)
    return (type(value).__name__, value)
