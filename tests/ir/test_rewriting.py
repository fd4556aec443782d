"""Rewriting and substituting rebuild what depends on a replacement, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from netwright.compiler.errors import BuildError, Origin
from netwright.compiler.ir import DType, Graph, Node, Value, constant, graph_input, scope, symbol
from netwright.compiler.ir.rewrite import rebuild, rewrite, substitute
from netwright.compiler.ops import op

X = graph_input("x", DType.float32, (symbol("batch"), 3))
HERE = Origin("a.yaml", 1, 1, "network[0]")


def softplus_for_tanh(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
    return [op.Softplus(inputs[0])] if node.op_type == "Tanh" else None


def test_replacements_reach_everything_that_reads_them() -> None:
    with scope("layer", HERE):
        tanh = op.Tanh(X)
    kept = X + 1
    graph = Graph("g", (X,), {"sum": tanh + kept, "tanh": tanh, "kept": kept, "input": X}, {"key": "value"})
    new, changed = rewrite(graph, softplus_for_tanh)
    assert changed
    assert [node.op_type for node in new.nodes()] == ["Constant", "Add", "Softplus", "Add"]
    assert new.outputs["tanh"].name == "layer/Softplus"
    assert new.outputs["tanh"].origin == HERE
    assert new.outputs["kept"] is kept
    assert new.outputs["input"] is X
    assert (new.name, new.inputs, new.metadata) == ("g", (X,), {"key": "value"})
    assert [node.op_type for node in graph.nodes()].count("Tanh") == 1  # the old graph is as it was


def test_nothing_to_replace_keeps_the_nodes() -> None:
    graph = Graph("g", (X,), {"y": op.Exp(X) + 1})
    new, changed = rewrite(graph, softplus_for_tanh)
    assert not changed
    assert new.outputs["y"] is graph.outputs["y"]


def test_rewriting_infers_types_again() -> None:
    graph = Graph("g", (X,), {"y": op.Tanh(X) @ constant([[1.0], [2.0], [3.0]])})
    with pytest.raises(BuildError, match=r"^MatMul: "):
        rewrite(graph, lambda node, inputs: [op.Transpose(inputs[0])] if node.op_type == "Tanh" else None)


def test_substitute_computes_the_same_over_other_inputs() -> None:
    z = graph_input("z", DType.float32, (5, 3))
    unchanged = constant(1.0) + 2.0
    exponential, two = substitute([op.Exp(X * 2), unchanged], {X: z})
    assert exponential.shape == (5, 3)
    assert two is unchanged
    (cut,) = substitute([op.Exp(product := X * 2)], {product: z})
    assert cut.node is not None
    assert cut.node.inputs == (z,)


def test_rebuild_keeps_attributes_and_constants() -> None:
    node = op.Softmax(X, axis=0).node
    assert node is not None
    z = graph_input("z", DType.float32, (2, 2))
    (new,) = rebuild(node, (z,))
    assert new.node is not None
    assert (new.node.attributes, new.shape) == ({"axis": 0}, (2, 2))
    one = constant(1.0)
    assert one.node is not None
    assert rebuild(one.node, ()) == (one,)
