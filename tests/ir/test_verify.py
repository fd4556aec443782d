"""Each broken rule is found and said in words."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.errors import InternalError
from netwright.compiler.ir import DType, Graph, Node, TensorType, Value, apply, constant, graph_input, symbol
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops import op
from netwright.compiler.ops.loops import scan

BATCH = symbol("batch")


def vector(name: str = "x") -> Value:
    return graph_input(name, DType.float32, (BATCH, 3))


def problems(graph: Graph, stage: str | None = None) -> str:
    with pytest.raises(InternalError) as caught:
        verify(graph, stage)
    return str(caught.value)


def test_a_sound_graph_passes() -> None:
    x = vector()
    parts = apply("Split", x, [1, 2], axis=1)
    shape = op.Shape(x)
    verify(
        Graph("g", (x,), {"y": op.Reshape(op.Exp(parts[1]) * 2, [-1]), "x": x, "shape": shape, "one": constant(1.0)})
    )


def test_a_graph_without_outputs() -> None:
    assert problems(Graph("g", (), {})) == "the graph g is broken:\n  there is no output"


def test_two_inputs_of_one_name_and_the_stage() -> None:
    x, y = vector(), vector()
    text = problems(Graph("g", (x, y), {"z": x + y}), "use_gemm")
    assert text == "the graph g is broken after use_gemm:\n  two inputs are called x"


def test_an_input_that_is_computed() -> None:
    x = vector()
    y = x + 1
    text = problems(Graph("g", (x, y), {"z": y}))
    assert text == "the graph g is broken:\n  the input <Add: float32(batch, 3)> is computed by a node"


def test_a_value_from_elsewhere() -> None:
    x, stranger = vector(), vector("stranger")
    text = problems(Graph("g", (x,), {"y": x + stranger, "z": stranger}))
    assert text == "the graph g is broken:\n  <stranger: float32(batch, 3)> is no input of the graph"


def test_an_output_called_like_another_input() -> None:
    x = vector()
    text = problems(Graph("g", (x,), {"x": x + 1}))
    assert text == (
        "the graph g is broken:\n  the output x is called like an input and is another value, <Add: float32(batch, 3)>"
    )


def test_an_output_that_its_node_does_not_have() -> None:
    x = vector()
    forged = Value(x.type, "forged", (x + 1).node)
    assert problems(Graph("g", (x,), {"y": forged})) == (
        "the graph g is broken:\n  the output y is no output of its node, <forged: float32(batch, 3)>"
    )
    assert problems(Graph("g", (x,), {"y": op.Exp(forged)})) == (
        "the graph g is broken:\n"
        "  <Exp <forged: float32(batch, 3)>> reads <forged: float32(batch, 3)>, which is no output of its node"
    )


def test_a_cycle() -> None:
    x = vector()
    first = op.Exp(x)
    second = op.Tanh(first)
    assert first.node is not None
    first.node.inputs = first.node.given_inputs = (second,)
    assert problems(Graph("g", (x,), {"y": second})) == (
        "the graph g is broken:\n"
        "  <Exp <Tanh: float32(batch, 3)>> reads <Tanh: float32(batch, 3)>, which is made after it"
    )


def test_a_type_that_is_not_the_inferred_one() -> None:
    x = vector()
    (y,) = Node("Exp", "", (x,), {}, (TensorType(DType.float32, (BATCH, 4)),)).outputs
    assert problems(Graph("g", (x,), {"y": y})) == (
        "the graph g is broken:\n"
        "  <Exp <x: float32(batch, 3)>> has the type float32(batch, 4), inferred is float32(batch, 3)"
    )


def test_a_constant_of_another_type() -> None:
    (c,) = Node("Constant", "", (), {"value": np.zeros(2)}, (TensorType(DType.float32, (2,)),)).outputs
    assert problems(Graph("g", (), {"c": c})) == (
        "the graph g is broken:\n  <Constant > has the type float32(2), inferred is float64(2)"
    )


def test_a_node_that_does_not_infer() -> None:
    x = vector()
    (y,) = Node("Concat", "", (x, graph_input("i", DType.int64, (2, 3))), {"axis": 0}, (x.type,)).outputs
    (z,) = Node("Mystery", "", (y,), {}, (x.type,)).outputs
    assert problems(Graph("g", (x, y.node.inputs[1]), {"z": z})) == (
        "the graph g is broken:\n"
        "  <Concat <x: float32(batch, 3)>, <i: int64(2, 3)>> does not infer: "
        "Concat: the inputs have different dtypes: float32(batch, 3), int64(2, 3)\n"
        "  <Mystery <Concat: float32(batch, 3)>> does not infer: no record for the operator Mystery"
    )


def loop(weight: Value, x: Value, start: Value) -> Value:
    (final,), _ = scan(lambda states, inputs: ([states[0] * weight + inputs[0]], []), [start], [x])
    return final


def test_bodies_are_verified() -> None:
    x, start, weight = (graph_input(n, DType.float32, s) for n, s in [("x", (5, 3)), ("h", (3,)), ("w", (3,))])
    final = loop(weight, x, start)
    verify(Graph("g", (x, start, weight), {"final": final}))
    assert final.node is not None
    body = final.node.attribute("body")
    open_body = Graph("body", body.inputs, {"state0.next": body.outputs["state0.next"] + weight})
    (broken,) = apply("Scan", *final.node.inputs, **{**final.node.attributes, "body": open_body})
    assert problems(Graph("g", (x, start, weight), {"final": broken})) == (
        "the graph g is broken:\n  in body of <Scan: float32(3)>: <w: float32(3)> is no input of the graph"
    )


def test_checked_nodes_are_not_looked_at_again() -> None:
    x = vector()
    (y,) = Node("Exp", "", (x,), {}, (x.type,)).outputs
    checked: set[Node] = set()
    verify(Graph("g", (x,), {"y": y}), checked=checked)
    assert checked == {y.node}
    y.type = TensorType(DType.float32, (7,))
    verify(Graph("g", (x,), {"y": y}), checked=checked)
    assert "inferred is float32(batch, 3)" in problems(Graph("g", (x,), {"y": y}))
