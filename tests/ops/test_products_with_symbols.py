"""Gradients of products, means and norms over symbolic axes are those of PyTorch, in ONNX Runtime's float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
import pytest
from netwright.compiler import ops  # noqa: F401  (registers the operators)
from netwright.compiler.autodiff import gradients
from netwright.compiler.emit import emit
from netwright.compiler.ir import Array, Dim, DType, Graph, Value, apply, graph_input, op, reachable, symbol

torch = pytest.importorskip("torch")

BATCH, TIME, WIDTH = symbol("batch"), symbol("time"), symbol("width")
SIZES = {BATCH: 5, TIME: 4, WIDTH: 3}

CASES: list[tuple[str, Callable[..., Value], Callable[..., Any], Sequence[tuple[Dim, ...]]]] = [
    ("rows by matrix", op.MatMul, torch.matmul, [(BATCH, 6), (6, 2)]),
    ("sequences by matrix", op.MatMul, torch.matmul, [(BATCH, TIME, 6), (6, 2)]),
    ("sequences by matrix of a symbolic height", op.MatMul, torch.matmul, [(BATCH, TIME, WIDTH), (WIDTH, 2)]),
    ("sequences by matrix of a symbolic width", op.MatMul, torch.matmul, [(BATCH, TIME, 6), (6, WIDTH)]),
    ("attention scores", op.MatMul, torch.matmul, [(BATCH, 2, TIME, 6), (BATCH, 2, 6, TIME)]),
    ("attention over one memory", op.MatMul, torch.matmul, [(BATCH, 2, TIME, 6), (1, 6, WIDTH)]),
    ("mixing positions", op.MatMul, torch.matmul, [(TIME, TIME), (BATCH, TIME, 6)]),
    ("sequences by vector", op.MatMul, torch.matmul, [(BATCH, TIME, 6), (6,)]),
    ("vector by sequences", op.MatMul, torch.matmul, [(TIME,), (BATCH, TIME, 6)]),
    ("mean of everything", lambda x: op.ReduceMean(x), torch.mean, [(BATCH, TIME, 6)]),
    ("mean over time", lambda x: op.ReduceMean(x, [1], keepdims=0), lambda x: x.mean(1), [(BATCH, TIME, 6)]),
    ("greatest over time", lambda x: op.ReduceMax(x, [1]), lambda x: x.amax(1), [(BATCH, TIME, 6)]),
    (
        "layer norm over a symbolic axis",
        lambda x, scale: apply("LayerNormalization", x, scale)[0],
        lambda x, scale: torch.nn.functional.layer_norm(x, (3,), scale),
        [(BATCH, TIME, WIDTH), (WIDTH,)],
    ),
]


@pytest.mark.parametrize(("name", "ours", "theirs", "shapes"), CASES, ids=[case[0] for case in CASES])
def test_gradients(
    name: str, ours: Callable[..., Value], theirs: Callable[..., Any], shapes: Sequence[tuple[Dim, ...]]
) -> None:
    generator = np.random.default_rng(0)
    inputs = [graph_input(f"x{i}", DType.float32, shape) for i, shape in enumerate(shapes)]
    arrays = [generator.normal(size=_sizes(shape)).astype(np.float32) for shape in shapes]
    y = ours(*inputs)
    loss = op.ReduceSum(op.Sin(y), keepdims=0)
    derivatives = gradients([loss], inputs)
    results = _run([loss, *derivatives], inputs, arrays)
    leaves = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]
    expected = theirs(*leaves).sin().sum()
    expected.backward()
    np.testing.assert_allclose(results[0], expected.item(), rtol=1e-5)
    for value, result, leaf in zip(inputs, results[1:], leaves, strict=True):
        np.testing.assert_allclose(result, leaf.grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=f"{name}: by {value!r}")


def test_a_weight_gradient_is_one_product() -> None:
    """No batched product and no sum over the batch: dW = rows(x)ᵀ·rows(dy)."""
    x, weight = graph_input("x", DType.float32, (BATCH, TIME, 6)), graph_input("w", DType.float32, (6, 2))
    dy = graph_input("dy", DType.float32, (BATCH, TIME, 2))
    (dw,) = gradients([x @ weight], [weight], [dy])
    assert dw is not None
    found = [node.op_type for node in reachable([dw]) if node.op_type != "Constant"]
    assert sorted(found) == ["Gemm", "Reshape", "Reshape"]


def test_half_precision_layer_norm_differentiates_in_float32() -> None:
    generator = np.random.default_rng(2)
    x = graph_input("x", DType.float16, (BATCH, 64))
    scale = graph_input("scale", DType.float16, (64,))
    y = apply("LayerNormalization", x, scale)[0]
    dx, dscale = gradients([op.ReduceSum(op.Cast(y, to=1) * 0.5, keepdims=0)], [x, scale])
    assert dx is not None and dscale is not None
    assert (dx.dtype, dscale.dtype) == (DType.float16, DType.float16)
    means = [node for node in reachable([dx]) if node.op_type == "ReduceMean"]
    assert {node.outputs[0].dtype for node in means} == {DType.float32}
    arrays = [generator.normal(size=(5, 64)).astype(np.float16), generator.uniform(0.5, 2, 64).astype(np.float16)]
    got = _run([dx, dscale], [x, scale], arrays)
    leaves = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]
    (torch.nn.functional.layer_norm(leaves[0], (64,), leaves[1]) * 0.5).sum().backward()
    for result, leaf in zip(got, leaves, strict=True):
        np.testing.assert_allclose(result, leaf.grad.numpy(), rtol=2e-3, atol=2e-3)


def _sizes(shape: Sequence[Dim]) -> tuple[int, ...]:
    return tuple(dim if isinstance(dim, int) else SIZES[dim] for dim in shape)


def _run(values: Sequence[Value | None], inputs: Sequence[Value], arrays: Sequence[Array]) -> list[Array]:
    outputs = {f"y{i}": value for i, value in enumerate(values) if value is not None}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    model = emit(Graph("test", tuple(inputs), outputs)).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {x.name: array for x, array in zip(inputs, arrays, strict=True)}))
