"""ReLU and maximum pooling change places: same values, same gradients, ties and negative windows included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import DType, Graph, Value, apply, graph_input, op, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.passes import pool_before_relu


def pooled(x: Value, **attributes: Any) -> Value:
    return apply("MaxPool", op.Relu(x), **attributes)[0]


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": (2, 2), "strides": (2, 2)},
        {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)},
        {"kernel_shape": (2, 2)},
    ],
)
def test_values_and_gradients_are_the_same(attributes: dict[str, Any]) -> None:
    x = graph_input("x", DType.float32, (symbol("batch"), 3, 6, 6))
    plain = Graph("g", (x,), {"y": pooled(x, **attributes)})
    exchanged = pool_before_relu(plain)
    assert [node.op_type for node in plain.nodes()] == ["Relu", "MaxPool"]
    assert [node.op_type for node in exchanged.nodes()] == ["MaxPool", "Relu"]
    array = np.random.default_rng(0).integers(-4, 3, (5, 3, 6, 6)).astype(np.float32)  # many ties, and negative windows
    results = [values_and_gradient(graph, array) for graph in (plain, exchanged)]
    for name, expected in results[0].items():
        np.testing.assert_array_equal(results[1][name], expected, err_msg=name)


def values_and_gradient(graph: Graph, array: np.ndarray[Any, Any]) -> dict[str, Any]:
    (x,), y = graph.inputs, graph.outputs["y"]
    (by_x,) = gradients([y], [x], [y])
    assert by_x is not None
    return evaluate(Graph("g", (x,), {"y": y, "by_x": by_x}), {"x": array})


def test_a_relu_that_others_read_stays() -> None:
    x = graph_input("x", DType.float32, (2, 3, 6, 6))
    y = op.Relu(x)
    both = Graph("g", (x,), {"y": apply("MaxPool", y, kernel_shape=(2, 2))[0], "z": y + 1})
    assert pool_before_relu(both) is both
