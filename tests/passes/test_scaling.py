"""Batch normalization goes into the weights before it, and ONNX Runtime is left with the layer alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from netwright.compiler import Bundle, compile_spec, load_spec_text
from netwright.compiler.ir import DType, Graph, Value, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ops import op
from netwright.compiler.passes import fold_scaling
from netwright.runtime.export import export_weights

BATCH = symbol("batch")
X = graph_input("x", DType.float32, (BATCH, 3, 5, 5))


def weights(name: str, *shape: int) -> Value:
    return graph_input(name, DType.float32, shape)


W, S, T = weights("w", 4, 3, 2, 2), weights("s", 1, 4, 1, 1), weights("t", 4, 1, 1)
B = weights("b", 4)


def folded(output: Value, *inputs: Value) -> tuple[dict[str, int], bool]:
    """The operators afterwards; the result is compared with that of the graph before."""
    before = Graph("test", inputs, {"y": output})
    after, ever = fold_scaling(before)
    changed = ever
    while changed:
        after, changed = fold_scaling(after)
    random = np.random.default_rng(0)
    feeds = {
        value.name: random.normal(size=[dim if isinstance(dim, int) else 2 for dim in value.shape]).astype(np.float32)
        for value in inputs
    }
    expected, found = evaluate(before, feeds)["y"], evaluate(after, feeds)["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, strict=True)
    on_images = [n for n in after.nodes() if any(not all(isinstance(d, int) for d in v.shape) for v in n.given_inputs)]
    return Counter(node.op_type for node in on_images), ever


def test_a_convolution_takes_scale_and_shift() -> None:
    assert folded(op.Conv(X, W) * S + T, X, W, S, T) == ({"Conv": 1}, True)
    assert folded(op.Conv(X, W) - T, X, W, T) == ({"Conv": 1}, True)
    assert folded(T - op.Conv(X, W), X, W, T) == ({"Conv": 1, "Sub": 1}, False)
    assert folded(T + S * op.Conv(X, W, B, strides=(2, 2)), X, W, B, S, T) == ({"Conv": 1}, True)
    grouped = weights("w", 6, 1, 2, 2)
    scale = weights("s", 6, 1, 1)
    assert folded(op.Conv(X, grouped, group=3) * scale, X, grouped, scale) == ({"Conv": 1}, True)


def test_a_transposed_convolution_takes_them_unless_it_has_groups() -> None:
    w = weights("w", 3, 4, 2, 2)
    assert folded(op.ConvTranspose(X, w, B) * S + T, X, w, B, S, T) == ({"ConvTranspose": 1}, True)
    w, s = weights("w", 3, 2, 2, 2), weights("s", 6, 1, 1)
    assert folded(op.ConvTranspose(X, w, group=3) * s, X, w, s) == ({"ConvTranspose": 1, "Mul": 1}, False)


def test_a_dense_layer_takes_them() -> None:
    x, w, s, t = graph_input("x", DType.float32, (BATCH, 3)), weights("w", 3, 4), weights("s", 1, 4), weights("t", 4)
    assert folded(op.MatMul(x, w) * s, x, w, s) == ({"MatMul": 1}, True)
    assert folded(op.Gemm(x, w, B) * s + t, x, w, B, s, t) == ({"Gemm": 1}, True)
    turned = weights("w", 4, 3)
    assert folded(op.Gemm(x, turned, B, transB=1) * s, x, turned, B, s) == ({"Gemm": 1}, True)


def test_what_is_no_number_a_channel_stays() -> None:
    conv = op.Conv(X, W)
    for factor in (weights("s", 4), weights("s", 4, 4), weights("s", 1), weights("s", 1, 4, 4, 1)):
        assert folded(conv * factor, X, W, factor) == ({"Conv": 1, "Mul": 1}, False)


def test_what_the_examples_change_stays() -> None:
    gate = op.ReduceMean(X, [0, 1, 2, 3], keepdims=1)
    assert folded(op.Conv(X, W) * (S * gate), X, W, S)[1] is False


def test_what_others_read_stays() -> None:
    conv = op.Conv(X, W)
    assert folded(op.Relu(conv) + conv * S, X, W, S)[1] is False


NETWORK = """
netwright: 1
name: folded
inputs: {image: [3, 8, 8]}
network:
  - conv: {filters: 4, kernel_size: 3, use_bias: false}
  - batch_norm
  - relu
  - depthwise_conv: {kernel_size: 3, multiplier: 2}
  - batch_norm: {scale: false}
  - conv_transpose: {filters: 2, kernel_size: 2, stride: 2}
  - batch_norm: {bias: false}
  - flatten
  - dense: 5
  - batch_norm
training: {loss: squared_error}
"""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile_spec(load_spec_text(NETWORK, "folded.yaml"))


def test_onnx_runtime_is_left_with_the_layers_alone(bundle: Bundle, tmp_path: Path) -> None:
    bundle.write(tmp_path / "bundle")
    model = tmp_path / "bundle" / "inference.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # every host has it
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    loaded = Counter(node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node)
    assert loaded.pop("Reshape", 0) + loaded.pop("Flatten", 0) == 1
    assert loaded == {"Conv": 2, "Relu": 1, "ConvTranspose": 1, "Gemm": 1}


def test_trained_weights_and_statistics_keep_their_names(bundle: Bundle, tmp_path: Path) -> None:
    """What training leaves is put into the initializers, and inference then computes what evaluation does."""
    bundle.write(tmp_path / "bundle")
    model = tmp_path / "bundle" / "inference.onnx"
    random = np.random.default_rng(0)
    state = {
        name: random.uniform(0.5, 1.5, declared.shape).astype(np.float32)
        for name, declared in bundle.built.variables.of_kind("parameter", "statistic").items()
    }
    export_weights(model, state)
    assert {item.name for item in onnx.load(model).graph.initializer} >= state.keys()
    image = random.normal(size=(2, 3, 8, 8)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(None, {"image": image})
    plain = bundle.built.forward.outputs["output"]
    graph = Graph("plain", bundle.graphs["inference"].inputs, {"y": plain})
    expected = evaluate(graph, {**state, "image": image})["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_training_step_keeps_its_batch_statistics(bundle: Bundle) -> None:
    step = Counter(node.op_type for node in bundle.graphs["step"].nodes())
    assert step["ReduceMean"] >= 4
    assert fold_scaling(bundle.graphs["step"])[1] is False
