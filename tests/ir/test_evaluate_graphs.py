"""Graphs run in numpy give what ONNX Runtime gives, in the dtypes that inference promised."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.errors import InternalError
from netwright.compiler.ir import OPERATORS, DType, Graph, Operator, apply, constant, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ir.operator import NotDifferentiable
from netwright.compiler.ops import op
from netwright.compiler.ops.inference import same_as_first


def test_outputs_by_name_in_their_dtypes() -> None:
    x = graph_input("x", DType.float32, (symbol("batch"), 3))
    left, right = apply("Split", x * 2, [1, 2], axis=1)
    graph = Graph("g", (x,), {"left": left, "mean": op.ReduceMean(right, [1]), "x": x, "two": constant(2)})
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    results = evaluate(graph, {"x": array})
    np.testing.assert_array_equal(results["left"], array[:, :1] * 2)
    np.testing.assert_array_equal(results["mean"], [[3.0], [9.0]])
    np.testing.assert_array_equal(results["x"], array)
    assert {name: result.dtype.name for name, result in results.items()} == {
        "left": "float32",
        "mean": "float32",
        "x": "float32",
        "two": "int64",
    }


def test_infinities_are_no_errors() -> None:
    x = graph_input("x", DType.float32, (2,))
    result = evaluate(Graph("g", (x,), {"y": 1 / x}), {"x": np.array([0, 2], np.float32)})["y"]
    assert result.tolist() == [np.inf, 0.5]


def test_missing_inputs() -> None:
    x, y = graph_input("x", DType.float32, (2,)), graph_input("y", DType.float32, (2,))
    with pytest.raises(InternalError, match=r"^no array is given for the inputs x, y of the graph g$"):
        evaluate(Graph("g", (x, y), {"z": x + y}), {})


def test_an_operator_without_a_numpy_function(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Operator("Mystery", infer=same_as_first, gradients=(NotDifferentiable("unknown"),), samples=list)
    monkeypatch.setitem(OPERATORS, ("", "Mystery"), record)
    with pytest.raises(InternalError, match=r"^the operator Mystery cannot be evaluated with numpy$"):
        evaluate(Graph("g", (), {"y": op.Mystery(constant(1.0))}), {})
