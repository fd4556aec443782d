"""`gradients` and `apply` give the next value of every state tensor between them, as `step` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from support.bundles import Program, first_state, made_up_batch, next_state, read_manifest

SPEC = """\
netwright: 1
name: two_heads
inputs: {x: [3]}
network:
  - dense: {units: 4, name: hidden, activation: tanh}
  - dense: {units: 2, name: unused}
  - dense: {units: 1, name: y, from: hidden}
outputs: {y: y, unused: unused}
training:
  loss: {squared_error: {target: t}}
  optimizer: {adam: {learning_rate: 0.1}}
  frozen: [hidden/weight]
  clip_global_norm: 0.5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two_heads") / "bundle"
    compile_spec(load_spec_text(SPEC)).write(folder)
    return folder


def test_frozen_and_unused_parameters_pass_through(folder: Path) -> None:
    training = folder / "training"
    step, gradients, apply = (Program(training / f"{graph}.onnx") for graph in ("step", "gradients", "apply"))
    state = first_state(folder)
    batch = made_up_batch(read_manifest(folder), 6, seed=0)
    whole, parts = step({**batch, **state}), gradients({**batch, **state})
    assert [name for name in parts if name.endswith(".gradient")] == [
        *("hidden/bias.gradient", "y/weight.gradient", "y/bias.gradient")
    ]
    applied = next_state(apply({**parts, **state}))
    assert set(applied) == set(state) == set(next_state(whole))
    for name, value in next_state(whole).items():
        np.testing.assert_allclose(applied[name], value, rtol=1e-6, atol=1e-6, err_msg=name)
    for name in ("hidden/weight", "unused/weight", "unused/bias", "learning_rate_scale"):
        np.testing.assert_array_equal(applied[name], state[name])
    assert not np.array_equal(applied["y/weight"], state["y/weight"])


def test_the_average_of_two_halves_is_the_whole_batch(folder: Path) -> None:
    """What accumulation and several machines rest on: the loss is a mean over the batch."""
    gradients = Program(folder / "training/gradients.onnx")
    state = first_state(folder)
    batch = made_up_batch(read_manifest(folder), 8, seed=1)
    whole = gradients({**batch, **state})
    halves = [
        gradients({**{name: array[rows] for name, array in batch.items()}, **state}) for rows in (slice(4), slice(4, 8))
    ]
    for name, value in whole.items():
        np.testing.assert_allclose((halves[0][name] + halves[1][name]) / 2, value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_accumulated_gradients_train(folder: Path) -> None:
    """Gradients averaged over parts of a batch, then applied once, are a step of the whole batch."""
    gradients, apply = (Program(folder / f"training/{graph}.onnx") for graph in ("gradients", "apply"))
    step = Program(folder / "training/step.onnx")
    state = first_state(folder)
    batch = made_up_batch(read_manifest(folder), 9, seed=2)
    parts = [gradients({**{name: array[i : i + 3] for name, array in batch.items()}, **state}) for i in (0, 3, 6)]
    average = {name: np.mean([part[name] for part in parts], axis=0, dtype=np.float32) for name in parts[0]}
    applied, whole = next_state(apply({**average, **state})), next_state(step({**batch, **state}))
    for name, value in whole.items():
        np.testing.assert_allclose(applied[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
