"""The text and the drawing of graphs, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir import DType, Graph, Value, apply, constant, graph_input, scope, symbol
from netwright.compiler.ir.dot import to_dot
from netwright.compiler.ir.printer import constant_text, to_text
from netwright.compiler.ops import op
from netwright.compiler.ops.loops import scan


def small_graph() -> Graph:
    x = graph_input("x", DType.float32, (symbol("batch"), 4))
    w = graph_input("dense1/weight", DType.float32, (4, 2))
    with scope("dense1"):
        y = op.Softmax(x @ w * 0.5, axis=1)
    left, right = apply("Split", op.Pad(y, [1, 2], None, [1]), [2, 3], axis=1)
    table = constant(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4))
    return Graph("step", (x, w), {"left": left, "sum": op.Exp(right), "y": y, "x": x, "table": table, "again": left})


def loop_graph() -> Graph:
    x = graph_input("x", DType.float32, (symbol("time"), 3))
    start = graph_input("start", DType.float32, (3,))
    weight = graph_input("weight", DType.float32, (3,))

    def step(states: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        new = states[0] * weight + inputs[0]
        return [new], [new]

    with scope("rnn1"):
        (final,), (every,) = scan(step, [start], [x])
    return Graph("loop", (x, start, weight), {"final": final, "every": every})


def test_text() -> None:
    assert (
        to_text(small_graph())
        == """\
graph step
  inputs
    x: float32(batch, 4)
    dense1/weight: float32(4, 2)
  nodes
    dense1/MatMul: float32(batch, 2) = MatMul(x, dense1/weight)
    dense1/Mul: float32(batch, 2) = Mul(dense1/MatMul, 0.5)
    y: float32(batch, 2) = Softmax(dense1/Mul, axis=1)
    Pad: float32(batch, 5) = Pad(y, [1, 2], _, [1])
    left: float32(batch, 2), Split: float32(batch, 3) = Split(Pad, [2, 3], axis=1)
    sum: float32(batch, 3) = Exp(Split)
  outputs
    left
    sum
    y
    x
    table = float32(3, 4)[0.0, 0.0909091, 0.181818, …] #ea698bd0
    again = left
"""
    )


def test_text_of_a_body() -> None:
    assert (
        to_text(loop_graph())
        == """\
graph loop
  inputs
    x: float32(time, 3)
    start: float32(3)
    weight: float32(3)
  nodes
    final: float32(3), every: float32(time, 3) = Scan(start, x, weight, captures=1, num_scan_inputs=1)
      body:
        graph body
          inputs
            state0: float32(3)
            input0: float32(3)
            captured0: float32(3)
          nodes
            rnn1/Mul: float32(3) = Mul(state0, captured0)
            rnn1/Add: float32(3) = Add(rnn1/Mul, input0)
          outputs
            state0.next = rnn1/Add
            output0 = rnn1/Add
  outputs
    final
    every
"""
    )


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32(0.5), "0.5"),
        (np.float32(2), "2.0"),
        (np.float32(1e-30), "1e-30"),
        (np.float32(np.inf), "inf"),
        (np.float32(np.nan), "nan"),
        (np.int64(-3), "-3"),
        (np.bool_(True), "true"),
        (np.float64(0.5), "float64(0.5)"),
        (np.int32(7), "int32(7)"),
        (np.array([0, -1]), "[0, -1]"),
        (np.array([True, False]), "[true, false]"),
        (np.array([], np.int64), "int64(0)[]"),
        (np.array([[1, 2]]), "int64(1, 2)[1, 2]"),
        (np.array([0.5]), "float64(1)[0.5]"),
        (np.arange(9), "int64(9)[0, 1, 2, …] #33ff69c2"),
    ],
)
def test_text_of_constants(array: np.ndarray, text: str) -> None:
    assert constant_text(np.asarray(array)) == text


def test_large_constants_differ_by_their_checksum() -> None:
    zeros, other = np.zeros(100, np.float32), np.zeros(100, np.float32)
    other[99] = 1
    assert constant_text(zeros) != constant_text(other)
    assert constant_text(zeros) == constant_text(zeros.astype(">f4"))


def test_only_attributes_that_are_no_defaults_are_shown() -> None:
    x = graph_input("x", DType.float32, (2, 3))
    made = op.ConstantOfShape([2], value=np.zeros(1, np.float32)) + op.ConstantOfShape(
        [2], value=np.ones(1, np.float32)
    )
    text = to_text(Graph("g", (x,), {"y": op.LeakyRelu(x, alpha=0.25), "z": op.Softmax(x), "made": made}))
    assert "LeakyRelu(x, alpha=0.25)" in text
    assert "Softmax(x)" in text
    assert "ConstantOfShape([2])" in text
    assert "ConstantOfShape([2], value=[1.0])" in text


def test_drawing() -> None:
    x = graph_input('the "x"', DType.float32, (2,))
    with scope("dense1"):
        y = x * 2
    assert (
        to_dot(Graph("g", (x,), {"y": y, "one": constant(1.0)}))
        == r"""digraph "g" {
  rankdir=TB; node [fontname=Helvetica, fontsize=10]; edge [fontname=Helvetica, fontsize=8];
  input0 [shape=ellipse, label="the \"x\"\nfloat32(2)"];
  subgraph cluster2 {
    label="dense1"; color=gray; fontname=Helvetica; fontsize=10;
    node1 [shape=box, label="Mul(·, 2.0)"];
  }
  output3 [shape=ellipse, style=bold, label="y"];
  output4 [shape=ellipse, style=bold, label="one\n1.0"];
  input0 -> node1 [label="float32(2)"];
  node1 -> output3 [label="float32(2)"];
}
"""
    )


def test_drawing_of_a_body() -> None:
    text = to_dot(loop_graph())
    assert 'label="body"; style=dashed' in text
    assert text.count("{") == text.count("}")
    assert text.count("shape=box") == 3  # the loop, and the two nodes in it
