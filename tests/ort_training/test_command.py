"""`netwright train --backend ort-training`, whole: a run folder like any other, resumed bit for bit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec
from netwright.formats.ort_checkpoint import decode_checkpoint
from netwright.runtime import StepDone, TrainOptions, UserError, evaluate, train
from netwright.runtime.bundle import load_bundle
from netwright.runtime.callbacks import Callback
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.data import source_schema
from netwright.runtime.ort_training.engine import open_engine
from netwright.runtime.ort_training.process import VARIABLE, TrainingProcess
from netwright.runtime.session import SessionSettings
from support.bundles import SPECS, first_state

CHANGES = ["training.epochs=4", "training.optimizer={adamw: {learning_rate: {cosine: 2e-3}}}"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digits_mlp for four epochs of 40 steps, with dropout and statistics of the data."""
    folder = tmp_path_factory.mktemp("command") / "bundle"
    spec = load_spec(SPECS["digits_mlp"], data_schema=source_schema(), overrides=CHANGES)
    compile_spec(spec, target="ort-training", train_rows=1258).write(folder)
    return folder


@pytest.fixture(scope="module")
def run(bundle: Path, training_python: str) -> Path:
    """A run that nothing interrupted."""
    run = bundle.parent / "run"
    train(bundle, run, ort_training=training_python)
    return run


def test_the_run_is_like_that_of_the_stock_backend(run: Path, tmp_path: Path) -> None:
    spec = load_spec(SPECS["digits_mlp"], data_schema=source_schema(), overrides=CHANGES)
    compile_spec(spec, train_rows=1258).write(tmp_path / "bundle")
    stock = train(tmp_path / "bundle", tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    for part in ("train", "validation", "test"):
        expected = getattr(stock, part)
        assert summary[part].keys() == expected.keys()
        assert summary[part]["loss"] == pytest.approx(expected["loss"], rel=1e-3)
    assert sorted(p.name for p in run.iterdir()) == sorted(p.name for p in (tmp_path / "run").iterdir())
    kinds = [json.loads(line)["kind"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert kinds.count("epoch") == 4


def test_the_run_says_what_trained_it(run: Path) -> None:
    environment = json.loads((run / "run.json").read_text(encoding="utf-8"))["environment"]
    assert environment["onnxruntime-training"] == "1.19.2"


def test_stock_sessions_evaluate_the_run_to_the_same_numbers(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    for part, metrics in evaluate(run).items():
        assert metrics["loss"] == pytest.approx(summary[part]["loss"], rel=1e-5)
        assert metrics["accuracy"] == summary[part]["accuracy"]


def test_the_bundle_of_the_run_has_the_trained_weights_for_the_training_api(run: Path) -> None:
    held = decode_checkpoint((run / "bundle/checkpoint").read_bytes())
    best = load_checkpoint(run / "checkpoints/best.safetensors").state
    for name, array in {**held.trained, **held.frozen}.items():
        np.testing.assert_array_equal(array, best[name])


class StopAfter(Callback):
    """Fails at a step, as a kill would leave the run."""

    def __init__(self, step: int) -> None:
        self.last = step

    def on_step(self, event: StepDone) -> None:
        if event.step == self.last:
            raise RuntimeError("killed")


def test_a_run_that_was_stopped_ends_with_the_same_bits(
    bundle: Path, run: Path, training_python: str, tmp_path: Path
) -> None:
    options = TrainOptions(checkpoint_steps=7)
    with pytest.raises(RuntimeError, match="killed"):
        train(bundle, tmp_path / "run", ort_training=training_python, callbacks=[StopAfter(58)], options=options)
    train(bundle, tmp_path / "run", ort_training=training_python, resume=True, options=options)
    whole, resumed = (load_checkpoint(path / "checkpoints/last.safetensors") for path in (run, tmp_path / "run"))
    for name, value in whole.state.items():
        np.testing.assert_array_equal(resumed.state[name], value, err_msg=name)


def test_the_other_backend_does_not_resume_it(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    spec = load_spec(SPECS["digits_mlp"], data_schema=source_schema(), overrides=CHANGES)
    compile_spec(spec, train_rows=1258).write(tmp_path / "bundle")
    with pytest.raises(UserError) as caught:
        train(tmp_path / "bundle", tmp_path / "run", resume=True)
    assert caught.value.message == f"{tmp_path / 'run'}: the run was started with --backend ort-training"
    assert caught.value.hint == "resume it with --backend ort-training"


def test_a_loss_that_is_not_finite_changes_nothing(bundle: Path, training_python: str, tmp_path: Path) -> None:
    spec = load_spec(
        SPECS["digits_mlp"],
        data_schema=source_schema(),
        overrides=["training.optimizer={sgd: {learning_rate: 1e30}}"],
    )
    compile_spec(spec, target="ort-training").write(tmp_path / "bundle")
    with pytest.raises(UserError) as caught:
        train(tmp_path / "bundle", tmp_path / "run", ort_training=training_python)
    assert caught.value.message.startswith("the loss became nan at step ")
    assert "; the last good checkpoint is " in caught.value.message


def test_onnx_runtimes_own_words_about_a_batch(bundle: Path, process: TrainingProcess, tmp_path: Path) -> None:
    engine = open_engine(load_bundle(bundle), first_state(bundle), process, SessionSettings(threads=1))
    with pytest.raises(UserError) as caught:
        engine.loop.step({"image": np.zeros((2, 8, 7), np.float32), "label": np.zeros(2, np.int64)}, 2)
    assert caught.value.message.startswith(f"{bundle / 'training_model.onnx'}: ONNX Runtime stopped: ")
    assert caught.value.hint == "check the data that were given"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
def test_ctrl_c_leaves_a_checkpoint_and_no_process(training_python: str, tmp_path: Path) -> None:
    """In a process group of its own, as a terminal has it."""
    netwright = Path(sys.executable).with_name("netwright")
    command = [netwright, "train", "digits_mlp", "--backend", "ort-training", "--set", "training.epochs=4000"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, VARIABLE: training_python},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert any(line.startswith("epoch 1/4000") for line in process.stderr)
        before = working_in(tmp_path)
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
        assert "ort_training/worker.py" in "".join(before)
    assert process.returncode == 130
    assert "go on with --resume" in rest
    assert working_in(tmp_path) == []


def working_in(folder: Path) -> list[str]:
    """The processes whose current folder this is, by their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text())
    return found
