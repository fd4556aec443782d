"""What computes in half and what does not, and that only the graphs that train know of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from netwright.compiler import Bundle, compile_spec, load_spec_text
from netwright.compiler.ir import DType, Graph, Node, Value, constant, graph_input, op, reachable, symbol
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.cast import cast
from netwright.compiler.ops.loops import scan
from netwright.compiler.passes import optimize
from netwright.compiler.precision import in_half, supported
from support.half import HALVES, half_bundle

BATCH = symbol("batch")
X = graph_input("x", DType.float32, (BATCH, 4))
W = graph_input("w", DType.float32, (4, 4))
B = graph_input("b", DType.float32, (4,))
COUNTER = graph_input("counter", DType.int64, ())


def rewritten(value: Value, dtype: DType = DType.float16) -> Value:
    (made,) = in_half([value], [W, B, COUNTER], dtype)
    assert made.type == value.type
    return made


def operators(value: Value, dtype: DType = DType.float16) -> list[str]:
    """`Relu:float16` for each node but casts and constants, in order."""
    nodes = [node for node in reachable([rewritten(value, dtype)]) if node.op_type not in ("Cast", "Constant")]
    return [f"{node.op_type}:{(node.inputs[-1] or node.outputs[0]).dtype}" for node in nodes]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_products_and_what_follows_them_are_in_half(dtype: DType) -> None:
    y = op.Relu(X @ W + B)
    assert operators(y, dtype) == [f"MatMul:{dtype}", f"Add:{dtype}", f"Relu:{dtype}"]


def test_data_stay_in_float32_up_to_the_first_product() -> None:
    mean = graph_input("mean", DType.float32, (4,))
    assert operators(((X - mean) / 2.0) @ W) == ["Sub:float32", "Div:float32", "MatMul:float16"]


def test_what_meets_data_is_in_float32() -> None:
    assert operators((X + X @ W) @ W) == ["MatMul:float16", "Add:float32", "MatMul:float16"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Softmax", lambda y: op.Softmax(y)),
        ("Exp", lambda y: op.Exp(y)),
        ("ReduceSum", lambda y: op.ReduceSum(y, [1], keepdims=0)),
        ("Gather", lambda y: op.Gather(y, [0], axis=1)),
    ],
)
def test_other_operators_are_in_float32(name: str, value: object) -> None:
    assert callable(value)
    made = rewritten(value(X @ W))
    (node,) = [node for node in reachable([made]) if node.op_type == name]
    assert (node.given_inputs[0].dtype, node.outputs[0].dtype) == (DType.float32, DType.float32)


def test_only_float16_compares_in_half() -> None:
    y = X @ W
    value = op.Where(op.Greater(y, 0), y, y * 0.5)
    assert operators(value, DType.float16) == ["MatMul:float16", "Greater:float16", "Mul:float16", "Where:float16"]
    assert operators(value, DType.bfloat16) == ["MatMul:bfloat16", "Greater:float32", "Mul:bfloat16", "Where:bfloat16"]


def test_masks_and_biases_take_the_dtype_of_what_they_meet() -> None:
    mask = cast(op.Greater(COUNTER, 3), DType.float32) * 1.25
    assert operators((X @ W) * mask) == ["Greater:int64", "Mul:float32", "MatMul:float16", "Mul:float16"]
    assert operators(X * mask) == ["Greater:int64", "Mul:float32", "Mul:float32"]


@pytest.mark.parametrize(
    ("number", "fits"), [(0.0, True), (65504.0, True), (1e-4, True), (-np.inf, True), (1e-5, False), (-1e9, False)]
)
def test_a_constant_that_float16_cannot_hold_keeps_its_digits(number: float, fits: bool) -> None:
    y = op.Max(X @ W, np.float32(number))
    assert operators(y)[-1] == ("Max:float16" if fits else "Max:float32")
    assert operators(y, DType.bfloat16)[-1] == "Max:bfloat16"


def test_a_parameter_is_cast_once_and_its_transpose_is_absorbed() -> None:
    tied = op.Transpose(W, perm=[1, 0])
    graph = optimize(Graph("g", (X, W), {"y": rewritten((X @ W) @ tied)}))
    casts = [node for node in graph.nodes() if node.op_type == "Cast" and node.inputs[0] is W]
    assert len(casts) == 1
    assert [node.op_type for node in graph.nodes() if node.op_type not in ("Cast", "Constant")] == ["MatMul", "Gemm"]


def test_other_dtypes_are_left_alone() -> None:
    x, w = graph_input("x", DType.float64, (2, 2)), graph_input("w", DType.float64, (2, 2))
    (made,) = in_half([x @ w], [w], DType.float16)
    assert [node.op_type for node in reachable([made])] == ["MatMul"]
    assert made.dtype is DType.float64


def test_a_sum_that_is_cast_back_is_never_rounded() -> None:
    """The gradient of a bias: Σ dy in float32, though dy is in half."""
    dy = graph_input("dy", DType.float16, (BATCH, 4))
    made = supported({"g": cast(op.ReduceSum(dy, [0], keepdims=0), DType.float32)}, DType.float16)["g"]
    assert [(node.op_type, node.outputs[0].dtype) for node in reachable([made]) if node.op_type != "Constant"] == [
        ("Cast", DType.float32),
        ("ReduceSum", DType.float32),
    ]


def test_a_product_with_two_small_constants_is_not_regrouped_in_float16() -> None:
    """1e-3 · 1e-3 has two digits in float16."""
    x = graph_input("x", DType.float16, (3,))
    graph = optimize(Graph("g", (x,), {"y": (x * 1e-3) * 1e-3}))
    assert [node.op_type for node in graph.nodes() if node.op_type == "Mul"] == ["Mul", "Mul"]


def test_a_loop_is_in_float32_as_a_whole() -> None:
    """What it captures as well; the products around it are in half."""

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        h = op.Tanh(steps[0] + states[0] @ W)
        return [h], [h]

    time = op.Unsqueeze(X @ W, [0])
    (last,), _ = scan(step, [X * 0.0], [time])
    made = rewritten(last @ W)
    verify(Graph("g", (X, W), {"y": made}))
    nodes = reachable([made])
    (loop,) = [node for node in nodes if node.op_type == "Scan"]
    assert not any(value.dtype in HALVES for value in (*loop.given_inputs, *loop.outputs))
    assert loop.inputs[-1] is W
    assert [node.outputs[0].dtype for node in nodes if node.op_type == "MatMul"] == [DType.float16] * 2


def test_what_is_read_in_both_precisions_is_rounded_for_one_alone() -> None:
    """A feature beside its product, and an embedding that is also the last layer's matrix."""
    (added,) = [node for node in reachable([rewritten(X @ W + X)]) if node.op_type == "Add"]
    assert added.inputs[1] is X
    indices = graph_input("indices", DType.int64, (BATCH,))
    value = op.Gather(W, indices) + X @ W
    (gather,) = [node for node in reachable([rewritten(value)]) if node.op_type == "Gather"]
    assert gather.inputs[0] is W


def halves(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes() if any(v.dtype in HALVES for v in (*node.given_inputs, *node.outputs))]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_only_step_and_gradients_compute_in_half(dtype: DType) -> None:
    bundle = half_bundle("digits_mlp", dtype)
    assert {name for name, graph in bundle.graphs.items() if halves(graph)} == {"step", "gradients"}
    for graph in bundle.graphs.values():
        assert not any(value.dtype in HALVES for value in (*graph.inputs, *graph.outputs.values()))
    assert {state.dtype for state in bundle.built.state.values()} == {DType.float32, DType.int64}
    assert bundle.manifest["training"]["precision"] == str(dtype)


def test_layers_without_products_have_nothing_in_half() -> None:
    bundle = compile_spec(
        load_spec_text("""\
netwright: 1
inputs: {x: [3]}
network: {a: {parameter: {shape: [3]}}, y: a * x}
training: {loss: squared_error, precision: float16}
""")
    )
    assert halves(bundle.graphs["step"]) == []


EMBEDDED = """\
netwright: 1
inputs: {words: {shape: [3], dtype: int64}}
network:
  - embedding: {vocabulary: 300, units: 4, name: e}
  - layer_norm
  - dense: {units: 5, activation: gelu}
  - dense: {units: 4}
  - dense: {units: 300, weight_initializer: {tied: {to: e/weight, transposed: true}}}
training:
  loss: categorical_cross_entropy
  precision: PRECISION
  regularization: {l1: 1e-4, l2: 1e-4}
  clip_global_norm: 1
  frozen: [layer_norm1/bias]
"""


def named(bundle: Bundle, kinds: Sequence[str]) -> list[tuple[str, DType]]:
    return [
        (node.op_type, node.given_inputs[0].dtype) for node in bundle.graphs["step"].nodes() if node.op_type in kinds
    ]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_embeddings_normalization_penalties_and_norms_are_in_float32(dtype: DType) -> None:
    """The embedding is tied to the last layer: its gradient adds up those of the product and of the rows."""
    bundle = compile_spec(load_spec_text(EMBEDDED.replace("PRECISION", str(dtype))))
    sums = ("Gather", "ScatterElements", "LayerNormalization", "ReduceSum", "ReduceMean", "ReduceSumSquare", "Sqrt")
    found = named(bundle, sums)
    assert {kind for kind, _ in found} == set(sums)
    assert {dtype for _, dtype in found} == {DType.float32}
    products = named(bundle, ("Gemm", "MatMul"))
    assert len([found for _, found in products if found is dtype]) == 9, "three layers, each with two gradients"


def test_a_gradient_inside_a_formula_follows_the_same_policy() -> None:
    bundle = compile_spec(
        load_spec_text("""\
netwright: 1
inputs: {x: [3]}
network:
  w: {parameter: {shape: [3, 3]}}
  energy: sum(tanh(x @ w) ** 2)
  force: -grad(energy, x)
training: {loss: squared_error, precision: float16}
""")
    )
    kinds = named(bundle, ("MatMul", "Gemm"))
    assert len(kinds) >= 3
    assert {dtype for _, dtype in kinds} == {DType.float16}
    assert {dtype for _, dtype in named(bundle, ("ReduceSum",))} == {DType.float32}


def test_constants_lend_no_precision() -> None:
    """A product of constants alone is one in half too, and folds."""
    value = constant(np.eye(4, dtype=np.float32)) @ constant(np.eye(4, dtype=np.float32))
    assert operators(value) == ["MatMul:float16"]
