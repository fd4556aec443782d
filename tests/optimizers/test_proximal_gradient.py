"""Soft-thresholding in training: weights reach 0 exactly, the loss counts the penalty, biases are let alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from support.bundles import Program, Tensors, first_state, next_state

L1 = 0.4
SPEC = """
netwright: 1
name: lasso
inputs: {{x: [3]}}
network:
  - dense: {{units: 1, name: line, weight_initializer: {{values: [[1], [1], [1]]}}}}
training:
  loss: {{squared_error: {{target: y}}}}
  optimizer: {{proximal_gradient: {{learning_rate: 0.1, accelerated: {accelerated}}}}}
  regularization: {{l1: {l1}, l2: {l2}}}
"""
X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
Y = (X @ np.float32([[2], [0.05], [-1]]) + 3).astype(np.float32)


def steps(folder: Path, count: int, **settings: object) -> tuple[list[float], Tensors]:
    compile_spec(load_spec_text(SPEC.format(**{"accelerated": "false", "l1": L1, "l2": 0, **settings}))).write(folder)
    step, state = Program(folder / "training/step.onnx"), first_state(folder)
    losses = []
    for _ in range(count):
        outputs = step({"x": X, "y": Y, **state})
        losses.append(float(outputs["loss"]))
        state = next_state(outputs)
    return losses, state


@pytest.mark.parametrize("accelerated", ["false", "true"])
def test_the_solution_meets_the_conditions_of_the_lasso(tmp_path: Path, accelerated: str) -> None:
    """0 is in the subdifferential: the slope of the error is −l1·sign(w) where w ≠ 0, and at most l1 where w = 0."""
    _, state = steps(tmp_path / "bundle", 300, accelerated=accelerated)
    weight = state["line/weight"]
    slope = 2 * X.T @ (X @ weight + state["line/bias"] - Y) / len(X)
    assert weight[1, 0] == 0
    assert abs(slope[1, 0]) < L1
    np.testing.assert_allclose(slope[[0, 2]], -L1 * np.sign(weight[[0, 2]]), atol=1e-4)


def test_the_bias_is_not_shrunk(tmp_path: Path) -> None:
    _, state = steps(tmp_path / "bundle", 300)
    residual = Y - X @ state["line/weight"] - state["line/bias"]
    np.testing.assert_allclose(residual.mean(), 0, atol=1e-4)


def test_the_loss_counts_the_whole_penalty(tmp_path: Path) -> None:
    losses, _ = steps(tmp_path / "bundle", 1, l2=0.5)
    error = np.mean((X.sum(1, keepdims=True) - Y) ** 2)
    np.testing.assert_allclose(losses[0], error + L1 * 3 + 0.5 * 3, rtol=1e-5)


def test_l2_stays_in_the_gradient(tmp_path: Path) -> None:
    _, state = steps(tmp_path / "bundle", 1, l1=0, l2=0.5)
    slope = 2 * X.T @ (X.sum(1, keepdims=True) - Y) / len(X)
    np.testing.assert_allclose(state["line/weight"], 1 - 0.1 * (slope + 2 * 0.5), rtol=1e-5)


def test_gradients_leave_the_penalty_out_and_apply_puts_it_in(tmp_path: Path) -> None:
    _, expected = steps(tmp_path / "bundle", 1)
    training, state = tmp_path / "bundle" / "training", first_state(tmp_path / "bundle")
    parts = Program(training / "gradients.onnx")({"x": X, "y": Y, **state})
    slope = 2 * X.T @ (X.sum(1, keepdims=True) - Y) / len(X)
    np.testing.assert_allclose(parts["line/weight.gradient"], slope, rtol=1e-5)
    following = next_state(Program(training / "apply.onnx")({**parts, **state}))
    for name, value in expected.items():
        np.testing.assert_allclose(following[name], value, rtol=1e-6, err_msg=name)
