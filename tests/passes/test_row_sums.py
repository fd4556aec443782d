"""Sums over rows become products with ones, only where they are the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir import DType, Graph, Value, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ops import op
from netwright.compiler.passes import use_row_products

BATCH, TIME = symbol("batch"), symbol("time")


def check(before: Graph, expected: list[str]) -> None:
    after, _ = use_row_products(before)
    assert [node.op_type for node in after.nodes() if node.op_type != "Constant"] == expected
    sizes = {"batch": 3, "time": 2}
    random = np.random.default_rng(0)
    feeds = {
        value.name: random.normal(size=[sizes.get(str(d), d) for d in value.shape]).astype(value.dtype.numpy)
        for value in before.inputs
    }
    old, new = evaluate(before, feeds)["y"], evaluate(after, feeds)["y"]
    assert old.shape == new.shape
    np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6)


def reduced(x: Value, axes: list[int], keepdims: int = 0) -> Graph:
    return Graph("test", (x,), {"y": op.ReduceSum(x, axes, keepdims=keepdims)})


def test_a_sum_over_the_batch_is_a_product() -> None:
    x = graph_input("x", DType.float32, (BATCH, 4))
    check(reduced(x, [0]), ["Shape", "Concat", "Expand", "Gemm", "Reshape"])


def test_a_kept_axis_needs_no_reshape() -> None:
    x = graph_input("x", DType.float32, (BATCH, 4))
    check(reduced(x, [0], keepdims=1), ["Shape", "Concat", "Expand", "Gemm"])


def test_a_sum_over_known_rows_needs_no_shape() -> None:
    check(reduced(graph_input("x", DType.float32, (5, 4)), [-2]), ["Expand", "Gemm", "Reshape"])


@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_sum_over_batch_and_time_is_one_product(keepdims: int) -> None:
    x = graph_input("x", DType.float32, (BATCH, TIME, 4))
    check(reduced(x, [0, 1], keepdims), ["Reshape", "Shape", "Concat", "Expand", "Gemm", "Reshape"])


def test_sums_of_one_graph_share_their_ones() -> None:
    x = graph_input("x", DType.float32, (BATCH, 4))
    total = op.ReduceSum(op.Exp(x), [0], keepdims=0) * op.ReduceSum(op.Abs(x), [0], keepdims=0)
    after, _ = use_row_products(Graph("test", (x,), {"y": total}))
    assert {repr(node.inputs[0]) for node in after.nodes() if node.op_type == "Shape"} == {repr(x)}


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [
        ((BATCH, 4), DType.float32, [1]),
        ((BATCH, 4), DType.float32, [0, 1]),
        ((BATCH, 7, 4), DType.float32, [0]),
        ((BATCH, 1), DType.float32, [0]),
        ((BATCH, TIME), DType.float32, [0]),
        ((BATCH, 4), DType.float64, [0]),
    ],
    ids=["columns", "everything", "not all rows", "one column", "symbolic columns", "float64"],
)
def test_other_sums_stay(shape: tuple[object, ...], dtype: DType, axes: list[int]) -> None:
    _, changed = use_row_products(reduced(graph_input("x", dtype, shape), axes))  # type: ignore[arg-type]
    assert not changed
