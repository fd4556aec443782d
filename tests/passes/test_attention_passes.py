"""What makes gradients of attention and of gelu cheaper: each rewrite keeps the values, and is made where it pays."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import DType, Graph, Value, graph_input, op, reachable
from netwright.compiler.ops.matmul import transpose_last
from netwright.compiler.passes import optimize
from support.running import Program

X = graph_input("x", DType.float32, (2, 3, 5, 4))
Y = graph_input("y", DType.float32, (2, 3, 5, 6))
V = graph_input("v", DType.float32, (2, 3, 6, 4))


def counted(*values: Value) -> Counter[str]:
    graph = optimize(Graph("g", (X, Y, V), {f"o{i}": value for i, value in enumerate(values)}))
    return Counter(node.op_type for node in graph.nodes())


def same(*values: Value) -> None:
    """ONNX Runtime gives the same with and without the passes."""
    random = np.random.default_rng(0)
    read = {item for node in reachable(values) for item in node.given_inputs}
    inputs = [item for item in (X, Y, V) if item in read]
    arrays = [random.normal(size=[int(str(dim)) for dim in item.shape]).astype(np.float32) for item in inputs]
    plain, passed = (Program(inputs, values, optimized=optimized)(*arrays) for optimized in (False, True))
    for a, b in zip(plain, passed, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def test_gelu_and_its_gradient_share_the_error_function() -> None:
    y = op.Gelu(X)
    (dx,) = gradients([op.ReduceSum(y * y, [0, 1, 2, 3], keepdims=0)], [X])
    assert dx is not None
    found = counted(y, dx)
    assert (found["Gelu"], found["Erf"]) == (0, 1)
    same(y, dx)


def test_gelu_alone_stays() -> None:
    assert counted(op.Gelu(X))["Gelu"] == 1
    assert counted(op.Gelu(X, approximate="tanh"), op.Erf(X * 0.5))["Gelu"] == 1


def test_the_transpose_of_a_product_goes_into_it() -> None:
    product = op.MatMul(transpose_last(X), Y)
    assert counted(transpose_last(product)) == {"Transpose": 1, "MatMul": 1}
    same(transpose_last(product))
    assert counted(product, transpose_last(product))["Transpose"] == 2  # somebody reads the product as it is


@pytest.mark.parametrize("features", [4, 8])
def test_the_gradient_of_softmax_sums_over_the_shorter_axis(features: int) -> None:
    values = graph_input("v", DType.float32, (2, 3, 6, features))
    made = op.MatMul(op.Softmax(Y, axis=-1), values)
    (dy,) = gradients([op.ReduceSum(made * made, [0, 1, 2, 3], keepdims=0)], [Y])
    assert dy is not None
    graph = optimize(Graph("g", (Y, values), {"made": made, "dy": dy}))
    (summed,) = {
        node.given_inputs[0].shape[-1] for node in graph.nodes() if node.op_type == "ReduceSum" and node.outputs[0].rank
    }
    assert summed == min(features, 6)
    assert sum(node.op_type == "MatMul" for node in graph.nodes()) == 2  # the average is not made twice
