"""JavaScript hosts, with stock ONNX Runtime, train the same batches to the same losses and state as Python."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir import Array
from netwright.runtime.data.fetch import fetch
from safetensors.numpy import load_file, save_file
from support.bundles import BundleFolder, Program, Tensors, first_state, next_state, take_batches
from support.node_host import node_runtime, run_node, web_runtime

HOST = Path(__file__).parent / "host.mjs"
STEPS = 20
RELATIVE = 1e-4
"""What the project promises of two hosts: in every loss and metric, and in the norm of every state tensor."""


@dataclass(frozen=True)
class Trained:
    """What a bundle and its batches became in both hosts."""

    folder: Path
    batches: list[Tensors]
    report: Mapping[str, Any]
    tensors: Tensors
    """What the JavaScript host wrote."""
    numbers: list[dict[str, float]]
    state: Tensors
    """What Python computed."""

    def written(self, prefix: str) -> Tensors:
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


@pytest.fixture(
    scope="module",
    params=[
        ("digits_mlp", node_runtime),
        ("mnist_mlp", node_runtime),
        ("digits_rows_lstm", node_runtime),
        ("digits_mlp", web_runtime),
    ],
    ids=["digits-node", "mnist-node", "lstm-node", "digits-web"],
)
def trained(
    request: pytest.FixtureRequest, bundle_folder: BundleFolder, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """The first two have dropout, so the random generator is part of it; the third has loops.

    Without MNIST in the cache, images are made up.
    """
    name, runtime = request.param
    if name == "mnist_mlp" and os.environ.get("CI"):
        fetch("mnist")  # in CI it is the real data
    folder = bundle_folder(name)
    batches = take_batches(folder, STEPS)
    work = tmp_path_factory.mktemp("host")
    save_file({f"{i}/{name}": array for i, batch in enumerate(batches) for name, array in batch.items()}, work / "in")
    report = json.loads(run_node(HOST, runtime(), folder, work / "in", work / "out"))
    numbers, state = _train(folder, batches)
    return Trained(folder, batches, report, load_file(work / "out"), numbers, state)


def _train(folder: Path, batches: list[Tensors]) -> tuple[list[dict[str, float]], Tensors]:
    """The same loop in Python: loss and metrics of every step, and the last state."""
    step = Program(folder / "training/step.onnx")
    state = first_state(folder, 0)
    numbers = []
    for batch in batches:
        outputs = step({**batch, **state})
        numbers.append({name: float(value) for name, value in outputs.items() if not name.endswith(".next")})
        state = next_state(outputs)
    return numbers, state


def test_every_loss_and_metric_agrees(trained: Trained) -> None:
    assert len(trained.report["steps"]) == len(trained.numbers) == STEPS
    for found, expected in zip(trained.report["steps"], trained.numbers, strict=True):
        assert list(found) == list(expected)
        assert found == pytest.approx(expected, rel=RELATIVE)
    assert len({numbers["loss"] for numbers in trained.numbers}) == STEPS


def test_the_last_state_agrees(trained: Trained) -> None:
    _assert_same_state(trained.written("state/"), trained.state)
    start = first_state(trained.folder, 0)
    changed = {name for name, value in trained.state.items() if not np.array_equal(value, start[name])}
    assert changed == set(start) - {"learning_rate_scale"}


def test_gradients_then_apply_is_a_step(trained: Trained) -> None:
    for apart, whole in zip(trained.report["apart"], trained.report["steps"], strict=True):
        assert apart == pytest.approx({"loss": whole["loss"]}, rel=RELATIVE)
    _assert_same_state(trained.written("apart/"), trained.written("state/"))


def test_predictions_agree(trained: Trained) -> None:
    inference = Program(trained.folder / "inference.onnx")
    for number, batch in enumerate(trained.batches):
        found, expected = trained.written(f"prediction/{number}/"), inference(batch)
        assert list(found) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=RELATIVE)


def _assert_same_state(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert found[name].shape == value.shape
        assert _distance(found[name], value) <= RELATIVE, name


def _distance(a: Array, b: Array) -> float:
    """‖a − b‖ / ‖b‖, in float64; 0 where both are zero."""
    difference = np.linalg.norm((a.astype(np.float64) - b.astype(np.float64)).ravel())
    return 0.0 if difference == 0 else float(difference / np.linalg.norm(b.astype(np.float64).ravel()))
