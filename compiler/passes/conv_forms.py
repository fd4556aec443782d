"""Convolutions of a graph that trains, each in the form that is fastest for its shape.

Not among the passes that repeat: a gradient is built from `Conv`, so this follows differentiation, and models with
weights of their own keep the operator, for which ONNX Runtime has its best kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Graph, Node, Value
from ..ir.rewrite import rewrite
from ..ops.conv_forward import conv_in_a_form


def choose_conv_forms(graph: Graph) -> Graph:
    """Ask for the form of every convolution, forward or in a gradient."""

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        value = None if node.domain else conv_in_a_form(node, inputs)
        return None if value is None else [value]

    return rewrite(graph, replace, only=("Conv",))[0]
