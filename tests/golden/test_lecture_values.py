"""Networks whose outputs were worked out by hand: their weights are in the specs, their numbers come from inference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from support.bundles import BundleFolder, Program


def test_perceptron(bundle_folder: BundleFolder) -> None:
    """w₀ = 1, w = (3, −2), sigmoid, at (−1, 2): σ(−6)."""
    inference = Program(bundle_folder("perceptron") / "inference.onnx")
    (y,) = inference({"x": np.array([[-1, 2]], np.float32)}).values()
    assert y.shape == (1, 1)
    # ONNX Runtime's sigmoid is an approximation that is right to the resolution of float32 at 1.
    np.testing.assert_allclose(y, 1 / (1 + np.exp(6.0)), rtol=0, atol=np.finfo(np.float32).eps)
    assert round(float(y[0, 0]), 3) == 0.002


def test_three_sigmoid_layers(bundle_folder: BundleFolder) -> None:
    """f(1, −1) = (0.62, 0.83), after the first layer (0.98, 0.12); f(0, 0) = (0.51, 0.85)."""
    inference = Program(bundle_folder("sigmoid_mlp") / "inference.onnx")
    outputs = inference({"x": np.array([[1, -1], [0, 0]], np.float32)})
    np.testing.assert_array_equal(np.round(outputs["y"], 2), np.array([[0.62, 0.83], [0.51, 0.85]], np.float32))
    np.testing.assert_array_equal(np.round(outputs["after_first"][0], 2), np.array([0.98, 0.12], np.float32))


@pytest.mark.parametrize("spec", ["perceptron", "sigmoid_mlp"])
def test_both_targets_give_the_same(spec: str, bundle_folder: BundleFolder) -> None:
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    portable, ort = (
        Program(bundle_folder(spec, target) / "inference.onnx")({"x": x}) for target in ("portable", "ort")
    )
    for name, value in portable.items():
        np.testing.assert_allclose(ort[name], value, rtol=1e-6)


def test_softmax_sums_to_one_and_tanh_is_a_sigmoid(tmp_path: Path) -> None:
    """tanh(x) = 2σ(2x) − 1."""
    spec = load_spec_text(
        """\
netwright: 1
name: identities
inputs: {x: [4]}
network:
  - add: {from: [x, x], name: twice}
outputs:
  probabilities: {softmax: {from: x}}
  tanh: {tanh: {from: x}}
  sigmoid: {sigmoid: {from: twice}}
"""
    )
    folder = tmp_path / "bundle"
    compile_spec(spec).write(folder)
    x = np.random.default_rng(0).normal(scale=4, size=(50, 4)).astype(np.float32)
    outputs = Program(folder / "inference.onnx")({"x": x})
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(outputs["tanh"], 2 * outputs["sigmoid"] - 1, rtol=1e-5, atol=1e-6)
