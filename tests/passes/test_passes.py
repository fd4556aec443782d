"""Each pass rewrites what it should, leaves the rest, and never changes what a graph computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from netwright.compiler.errors import InternalError
from netwright.compiler.ir import DType, Graph, Value, constant, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ops import op
from netwright.compiler.ops.matmul import fused_matmul
from netwright.compiler.passes import (
    PASSES_OF,
    fold_constants,
    merge_common_subexpressions,
    optimize,
    simplify_algebra,
    use_contrib,
    use_gemm,
)

BATCH = symbol("batch")


def vector(name: str = "x") -> Value:
    return graph_input(name, DType.float32, (BATCH, 4))


def graph(output: Value, *inputs: Value) -> Graph:
    return Graph("test", inputs, {"y": output})


def operators(graph: Graph) -> Mapping[str, int]:
    return Counter(node.op_type for node in graph.nodes() if node.op_type != "Constant")


def same_result(before: Graph, after: Graph, rows: int = 3) -> None:
    random = np.random.default_rng(0)
    sizes = {"batch": rows, "time": 2}
    feeds = {
        value.name: random.normal(size=[sizes.get(str(d), d) for d in value.shape]).astype(value.dtype.numpy)
        for value in before.inputs
    }
    expected, got = evaluate(before, feeds), evaluate(after, feeds)
    for name in expected:
        assert got[name].shape == expected[name].shape
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-6, atol=1e-6)


def test_constants_are_folded() -> None:
    x = vector()
    before = graph(x * op.Exp(constant(2.0) * constant(0.5)), x)
    after, changed = fold_constants(before)
    assert changed
    assert operators(after) == {"Mul": 1}
    same_result(before, after)


def test_large_results_are_not_folded() -> None:
    x = graph_input("x", DType.float32, (5000,))
    before = graph(x * op.Expand(constant(2.0), [5000]), x)
    after, changed = fold_constants(before)
    assert not changed
    assert operators(after) == {"Mul": 1, "Expand": 1}


def test_the_shape_of_a_static_value_is_a_constant() -> None:
    x = graph_input("x", DType.float32, (3, 4))
    before = graph(op.Reshape(x, op.Shape(x)), x)
    after, _ = fold_constants(before)
    assert operators(after) == {"Reshape": 1}


def test_a_static_part_of_a_symbolic_shape_is_a_constant() -> None:
    x = vector()
    before = graph(op.Cast(op.Shape(x, start=1, end=2), to=DType.float32.code), x)
    assert operators(optimize(before)) == {}


def test_equal_nodes_are_merged() -> None:
    x = vector()
    before = graph(op.Exp(x) + op.Exp(x) * op.Exp(x), x)
    after, changed = merge_common_subexpressions(before)
    assert changed
    assert operators(after)["Exp"] == 1
    same_result(before, after)


def test_nodes_with_other_attributes_are_not_merged() -> None:
    x = vector()
    y = op.ReduceSum(x, [1], keepdims=1) + op.Unsqueeze(op.ReduceSum(x, [1], keepdims=0), [1])
    assert operators(merge_common_subexpressions(graph(y, x))[0])["ReduceSum"] == 2


SCATTERED: Mapping[str, int] = {"ArgMax": 1, "ReduceSum": 1}
"""What `scattered` takes to find its indices and updates."""


def scattered(x: Value) -> Value:
    """The sum of each row of (batch, 4), at its largest number, among zeros."""
    zeros = op.Expand(constant(0.0), op.Shape(x))
    updates = op.ReduceSum(x, [1], keepdims=1)
    return op.ScatterElements(zeros, op.ArgMax(x, axis=1, keepdims=1), updates, axis=1, reduction="add")


ALGEBRA: dict[str, tuple[Callable[[Value], Value], Mapping[str, int]]] = {
    "x + 0": (lambda x: x + 0.0, {}),
    "0 + x": (lambda x: 0.0 + x, {}),
    "x - 0": (lambda x: x - 0.0, {}),
    "x * 1": (lambda x: x * 1.0, {}),
    "x / 1": (lambda x: x / 1.0, {}),
    "(x * 2) * 3": (lambda x: (x * 2.0) * 3.0, {"Mul": 1}),
    "x + (-x)": (lambda x: x + (-x), {"Sub": 1}),
    "x - (-x)": (lambda x: x - (-x), {"Add": 1}),
    "(-x) + x": (lambda x: (-x) + x, {"Sub": 1}),
    "-(-x)": (lambda x: op.Neg(-x), {}),
    "-(x * 2)": (lambda x: -(x * 2.0), {"Mul": 1}),
    "sum of -x": (lambda x: op.ReduceSum(-x, [1], keepdims=0), {"ReduceSum": 1, "Neg": 1}),
    "sum of squares along an axis": (lambda x: op.ReduceSumSquare(x, [1], keepdims=1), {"ReduceSum": 1, "Mul": 1}),
    "sum of all squares": (lambda x: op.ReduceSumSquare(x, keepdims=0), {"ReduceSumSquare": 1}),
    "Identity": (op.Identity, {}),
    "Cast to its own dtype": (lambda x: op.Cast(x, to=DType.float32.code), {}),
    "two transposes": (lambda x: op.Transpose(op.Transpose(x, perm=[1, 0]), perm=[1, 0]), {}),
    "two reshapes": (lambda x: op.Reshape(op.Reshape(x, [-1, 2, 2]), [-1, 4]), {}),
    "reshape to another shape": (lambda x: op.Reshape(op.Reshape(x, [-1]), [-1, 2]), {"Reshape": 1}),
    "expanded operand": (
        lambda x: x * op.Expand(op.ReduceSum(x, [1], keepdims=1), op.Shape(x)),
        {"ReduceSum": 1, "Mul": 1},
    ),
    "-(x * column)": (lambda x: -(x * op.ReduceSum(x, [1], keepdims=1)), {"ReduceSum": 1, "Neg": 1, "Mul": 1}),
    "sum of one": (lambda x: op.ReduceSum(op.Unsqueeze(x, [2]), [2], keepdims=1) * 2.0, {"Unsqueeze": 1, "Mul": 1}),
    "scattered + x": (lambda x: scattered(x) + x, SCATTERED | {"ScatterElements": 1}),
    "x + scattered": (lambda x: x + scattered(x), SCATTERED | {"ScatterElements": 1}),
    "scattered - x": (lambda x: scattered(x) - x, SCATTERED | {"ScatterElements": 1, "Neg": 1}),
    "x - scattered": (
        lambda x: x - scattered(x),
        SCATTERED | {"Shape": 1, "Expand": 1, "ScatterElements": 1, "Sub": 1},
    ),
    "sum of scattered": (lambda x: op.ReduceSum(scattered(x), [1], keepdims=1), {"ReduceSum": 1}),
    "sum of scattered, without the axis": (
        lambda x: op.ReduceSum(scattered(x), [-1], keepdims=0),
        {"ReduceSum": 2},
    ),
    "sum of scattered along another axis": (
        lambda x: op.ReduceSum(scattered(x), [0], keepdims=1),
        SCATTERED | {"Shape": 1, "Expand": 1, "ScatterElements": 1, "ReduceSum": 2},
    ),
}


@pytest.mark.parametrize("name", ALGEBRA)
def test_algebra(name: str) -> None:
    build, expected = ALGEBRA[name]
    x = vector()
    before = graph(build(x), x)
    after = optimize(before, [fold_constants, simplify_algebra])
    assert operators(after) == expected
    same_result(before, after)


def test_a_neutral_operand_that_widens_the_shape_stays() -> None:
    x = graph_input("x", DType.float32, (4,))
    before = graph(x + constant(np.zeros((2, 4), np.float32)), x)
    after, changed = simplify_algebra(before)
    assert not changed
    assert operators(after) == {"Add": 1}


def weights(*shape: int, name: str = "w") -> Value:
    return graph_input(name, DType.float32, shape)


def test_a_product_and_a_bias_are_one_gemm() -> None:
    x, w, b = vector(), weights(4, 5), weights(5, name="b")
    before = graph(x @ w + b, x, w, b)
    after, _ = use_gemm(before)
    assert operators(after) == {"Gemm": 1}
    same_result(before, after)


def test_a_scaled_matrix_is_added_by_the_product() -> None:
    x, w, v = vector(), weights(4, 5), graph_input("v", DType.float32, (BATCH, 5))
    for total in (v * 0.9 + x @ w, x @ w + 0.9 * v):
        before = graph(total, x, w, v)
        after, _ = use_gemm(before)
        assert operators(after) == {"Gemm": 1}
        same_result(before, after)


def test_a_scaled_bias_that_others_make_wider_stays() -> None:
    x, w, b = vector(), weights(4, 5), weights(1, name="b")
    before = graph(x @ w + b * constant(np.full((5,), 2.0, np.float32)), x, w, b)
    after, _ = use_gemm(before)
    assert operators(after) == {"Mul": 1, "Gemm": 1}
    same_result(before, after)


def test_a_product_read_twice_is_not_computed_twice() -> None:
    x, w, b = vector(), weights(4, 5), weights(5, name="b")
    product = x @ w
    after, _ = use_gemm(graph((product + b) * product, x, w, b))
    assert operators(after) == {"MatMul": 1, "Add": 1, "Mul": 1}


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_transposes_are_absorbed(left: bool, right: bool) -> None:
    a = weights(*((3, 4) if left else (4, 3)), name="a")
    b = weights(*((5, 3) if right else (3, 5)), name="b")
    product = (op.Transpose(a, perm=[1, 0]) if left else a) @ (op.Transpose(b, perm=[1, 0]) if right else b)
    before = graph(product, a, b)
    after, _ = use_gemm(before)
    assert operators(after) == ({"Gemm": 1} if left or right else {"MatMul": 1})
    same_result(before, after)


def test_a_product_over_time_is_flattened() -> None:
    x = graph_input("x", DType.float32, (BATCH, 7, 4))
    w, b = weights(4, 5), weights(5, name="b")
    before = graph(op.ReduceSum(x @ w + b, keepdims=0), x, w, b)
    after = optimize(before)
    assert operators(after)["Reshape"] == 2
    same_result(before, after)


def test_a_product_over_symbolic_time_is_flattened() -> None:
    x, w = graph_input("x", DType.float32, (BATCH, symbol("time"), 4)), weights(4, 5)
    before = graph(x @ w, x, w)
    after = optimize(before)
    assert after.outputs["y"].shape == (BATCH, symbol("time"), 5)
    assert operators(after) == {"Reshape": 2, "MatMul": 1, "Shape": 1, "Concat": 1}
    same_result(before, after)


def stack(name: str, *shape: int) -> Value:
    return graph_input(name, DType.float32, (BATCH, *shape))


def exchanged(x: Value) -> Value:
    """The last two axes exchanged."""
    return op.Transpose(x, perm=[0, 2, 1])


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_batched_products_absorb_transposes_and_factors_for_ort(left: bool, right: bool) -> None:
    a, b = stack("a", *((3, 4) if left else (4, 3))), stack("b", *((5, 3) if right else (3, 5)))
    before = graph(0.5 * ((exchanged(a) if left else a) @ (exchanged(b) if right else b)), a, b)
    after = optimize(before, PASSES_OF["ort"])
    assert operators(after) == {"FusedMatMul": 1}
    same_result(before, after)


def test_a_transpose_of_a_fused_product_is_absorbed_too() -> None:
    a, b = stack("a", 4, 3), stack("b", 5, 3)
    before = graph(fused_matmul(exchanged(exchanged(a)), exchanged(b), alpha=2.0) * 3.0, a, b)
    after = optimize(before, PASSES_OF["ort"])
    assert operators(after) == {"FusedMatMul": 1}
    same_result(before, after)


def test_a_transpose_of_other_axes_stays() -> None:
    a, b = graph_input("a", DType.float32, (3, BATCH, 4)), stack("b", 4, 5)
    before = graph(op.Transpose(a, perm=[1, 0, 2]) @ b, a, b)
    after, changed = use_contrib(before)
    assert not changed
    assert operators(after) == {"Transpose": 1, "MatMul": 1}


def test_a_scaled_product_that_others_read_is_not_computed_twice() -> None:
    a, b = stack("a", 4, 3), stack("b", 3, 5)
    product = a @ b
    after, changed = use_contrib(graph(product * 2.0 + product, a, b))
    assert not changed
    assert operators(after) == {"MatMul": 1, "Mul": 1, "Add": 1}


def test_the_portable_target_has_no_contrib_operators() -> None:
    a, b = stack("a", 4, 3), stack("b", 5, 3)
    after = optimize(graph(a @ exchanged(b), a, b))
    assert operators(after) == {"Transpose": 1, "MatMul": 1}


def test_passes_that_never_settle_are_an_error() -> None:
    x = vector()
    with pytest.raises(InternalError) as error:
        optimize(graph(x + 1.0, x), [lambda g: (g, True)])
    assert str(error.value) == "the passes did not settle on graph 'test' in 50 rounds"


def test_a_pass_that_breaks_a_graph_is_named() -> None:
    def doubles_its_inputs(graph: Graph) -> tuple[Graph, bool]:
        if len(graph.inputs) > 1:
            return graph, False
        return Graph(graph.name, (*graph.inputs, vector()), graph.outputs), True

    x = vector()
    with pytest.raises(InternalError) as caught:
        optimize(graph(x + 1.0, x), (fold_constants, doubles_its_inputs))
    assert str(caught.value) == "the graph test is broken after doubles_its_inputs:\n  two inputs are called x"
