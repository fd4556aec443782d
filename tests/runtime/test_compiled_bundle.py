"""The same promises on a bundle of the real compiler: digits with dropout, killed, resumed, evaluated, predicted."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.bundle import load_bundle
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.device import CPU
from netwright.runtime.evaluation import evaluate
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop
from netwright.runtime.partitions import bundle_partitions
from netwright.runtime.predictor import predict
from netwright.runtime.session import open_session
from netwright.runtime.state import DeviceState
from netwright.runtime.trainer import train

EPOCHS, STEPS = 3, 120
SCRIPT = """
import os, signal
from netwright.runtime import Callback, TrainOptions, train

class Kill(Callback):
    def on_step(self, event):
        if event.step == {kill_at}:
            os.kill(os.getpid(), signal.SIGKILL)

train({bundle!r}, {run!r}, resume={resume}, callbacks=[Kill()], options=TrainOptions(checkpoint_steps=7))
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled") / "bundle"
    command = [sys.executable, "-m", "netwright.cli", "compile", "digits_mlp", "-o", str(folder)]
    subprocess.run([*command, "--set", f"training.epochs={EPOCHS}"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def whole_run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert train(digits, run).steps == STEPS
    return run


def test_ping_pong_gives_what_plain_runs_give(digits: Path) -> None:
    bundle = load_bundle(digits)
    columns = bundle_partitions(bundle, None).train
    batches = [columns.take(slice(start, start + 32)) for start in range(0, 320, 32)] + [columns.take(slice(320, 327))]
    session = open_session(bundle.graph_file("step"), CPU)
    names = [output.name for output in session.get_outputs()]
    plain, expected = initial_state(bundle, 0), []
    for batch in batches:
        out = dict(zip(names, session.run(names, {**batch, **plain}), strict=True))
        plain = {name: out[f"{name}.next"] for name in plain}
        expected.append(float(out["loss"]))

    advanced = [port.feeds for port in bundle.manifest.graphs["step"].outputs if port.feeds]
    state = DeviceState(bundle.manifest.state, initial_state(bundle, 0), advanced, CPU)
    loop = StepLoop(bundle, state, CPU)
    losses = [loop.step(batch, len(batch["label"]))[0].loss for batch in batches]
    assert losses == pytest.approx(expected, rel=1e-5)
    for name, value in state.numpy().items():
        np.testing.assert_allclose(value, plain[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_predictions_agree_with_the_evaluation(whole_run: Path) -> None:
    bundle = load_bundle(whole_run / "bundle")
    test = bundle_partitions(bundle, None).test
    assert test is not None
    rows = test.take(slice(None))
    probabilities = predict(whole_run, {"image": rows["image"]}, batch_size=50)["probabilities"]
    summary = json.loads((whole_run / "summary.json").read_text())
    assert (probabilities.argmax(axis=1) == rows["label"]).mean() == pytest.approx(summary["test"]["accuracy"])
    surprise = -np.log(probabilities[np.arange(len(probabilities)), rows["label"]])
    assert surprise.mean() == pytest.approx(summary["test"]["loss"], rel=1e-4)
    assert evaluate(whole_run)["test"] == summary["test"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_random_steps(digits: Path, whole_run: Path, tmp_path: Path) -> None:
    seed, run = time.time_ns(), tmp_path / "run"
    kills = [*sorted(random.Random(seed).sample(range(2, STEPS), 2)), -1]
    for number, step in enumerate(kills):
        script = SCRIPT.format(bundle=str(digits), run=str(run), kill_at=step, resume=number > 0)
        code = subprocess.run([sys.executable, "-c", script], check=False).returncode
        assert code == (0 if step == -1 else -9), f"seed {seed}"
    one, other = (load_checkpoint(folder / "checkpoints/last.safetensors") for folder in (whole_run, run))
    for name, value in one.state.items():
        np.testing.assert_array_equal(other.state[name], value, err_msg=f"seed {seed}, {name}")
    assert (run / "bundle/inference.onnx").read_bytes() == (whole_run / "bundle/inference.onnx").read_bytes()
