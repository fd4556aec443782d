"""A bundle that trains in float16 trains in JavaScript hosts as well: nothing in half precision enters or leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.bundles import Program, first_state, take_batches
from support.half import half_bundle, losses
from support.node_host import node_runtime, run_node, web_runtime

HOST = Path(__file__).parent / "host.mjs"
STEPS = 5


@pytest.mark.parametrize("runtime", [node_runtime, web_runtime], ids=["node", "web"])
def test_javascript_hosts_train_in_float16(runtime: Callable[[], Path], tmp_path: Path) -> None:
    """The scale of 1e9 overflows at first, so hosts skip steps too. What each rounds to float16 differs a little."""
    folder = tmp_path / "bundle"
    half_bundle("digits_mlp", "float16", "training.loss_scaling.initial=1e9").write(folder)
    batches = take_batches(folder, STEPS)
    save_file(
        {f"{i}/{name}": array for i, batch in enumerate(batches) for name, array in batch.items()}, tmp_path / "in"
    )
    report = json.loads(run_node(HOST, runtime(), folder, tmp_path / "in", tmp_path / "out"))
    expected, state = losses(Program(folder / "training/step.onnx"), first_state(folder, 0), batches)
    assert [step["loss"] for step in report["steps"]] == pytest.approx(expected, rel=1e-3)
    found = load_file(tmp_path / "out")
    for way in ("state", "apart"):  # by step, and by gradients and apply
        for name in ("step", "good_steps", "loss_scale"):
            assert found[f"{way}/{name}"] == state[name]
        np.testing.assert_allclose(found[f"{way}/logits/weight"], state["logits/weight"], atol=2e-3)
    assert state["step"] < STEPS
