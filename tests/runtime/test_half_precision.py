"""Runs of bundles that train in half precision: skipped steps, resuming, and devices that cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import Callback, EpochDone, StepDone, TrainOptions, train
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.data import from_arrays
from netwright.runtime.data.plan import Partitions
from netwright.runtime.errors import EnvironmentProblem, UserError

SPEC = """\
netwright: 1
name: small
inputs: {x: [4]}
network:
  - rescale: 2
  - dense: {units: 8, activation: relu, name: hidden}
  - dropout: 0.25
  - dense: {units: 3, name: logits}
training:
  loss: categorical_cross_entropy
  optimizer: {sgd: {learning_rate: 0.1}}
  precision: float16
  loss_scaling: {initial: 1e6, growth_interval: 4}
  epochs: 3
  batch_size: 8
"""
ROWS = 40
STEPS = 15


HUGE = 3e38
"""Finite, and twice it is not: so it is to float32 as 40,000 to float16. The CPU provider computes most in float32."""


def bundle(folder: Path, text: str = SPEC) -> Path:
    compile_spec(load_spec_text(text)).write(folder)
    return folder


def data(value: float | None = None, row: int = 0) -> Partitions:
    """Forty rows; one number may be another."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 4)).astype(np.float32)
    if value is not None:
        x[row, 0] = value
    return from_arrays({"x": x, "label": random.integers(0, 3, ROWS)})


class Recorder(Callback):
    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.steps: list[StepDone] = []
        self.epochs: list[EpochDone] = []
        self.notices: list[str] = []

    def on_step(self, event: StepDone) -> None:
        self.steps.append(event)
        if event.step == self.stop_at:
            raise ConnectionError

    def on_epoch(self, event: EpochDone) -> None:
        self.epochs.append(event)

    def on_notice(self, text: str) -> None:
        self.notices.append(text)


def test_steps_that_overflow_are_skipped_and_reported(tmp_path: Path) -> None:
    """One of the five batches of an epoch overflows the forward pass; the scale is too large for the first steps."""
    recorder = Recorder()
    summary = train(bundle(tmp_path / "b"), tmp_path / "run", partitions=data(HUGE), callbacks=[recorder])
    state = load_checkpoint(tmp_path / "run/checkpoints/last.safetensors").state
    skipped = STEPS - int(state["step"])
    not_finite = [step for step in recorder.steps if not np.isfinite(step.loss)]
    assert summary.steps == len(recorder.steps) == STEPS
    assert len(not_finite) == 3
    assert skipped >= 3
    assert all(np.isfinite(value).all() for value in state.values())
    assert len(recorder.notices) == 3
    assert (
        recorder.notices[-1] == f"epoch 3: 1 step overflowed and was skipped; the loss scale is {state['loss_scale']:g}"
    )
    for epoch, event in enumerate(recorder.epochs):
        means = [s.loss for s in recorder.steps if s.epoch == epoch and np.isfinite(s.loss)]
        assert event.train["loss"] == pytest.approx(np.mean(means), rel=1e-6)
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in lines)


def test_a_run_that_stopped_resumes_to_the_very_bits(tmp_path: Path) -> None:
    """The scale and its counter are state like any other."""
    folder = bundle(tmp_path / "b")
    train(folder, tmp_path / "whole", partitions=data(HUGE))
    options = TrainOptions(checkpoint_steps=2)
    with pytest.raises(ConnectionError):
        train(folder, tmp_path / "run", partitions=data(HUGE), callbacks=[Recorder(stop_at=8)], options=options)
    train(folder, tmp_path / "run", partitions=data(HUGE), resume=True)
    one, other = (load_checkpoint(tmp_path / run / "checkpoints/last.safetensors") for run in ("whole", "run"))
    assert {"loss_scale", "good_steps"} <= one.state.keys()
    for name, value in one.state.items():
        np.testing.assert_array_equal(other.state[name], value, err_msg=name)
    assert one.position.sums == other.position.sums


def test_overflow_at_every_step_ends_the_run(tmp_path: Path) -> None:
    """From 1e6 down to 2^-14 the scale halves 34 times."""
    text = SPEC.replace("epochs: 3", "epochs: 40").replace("batch_size: 8", "batch_size: 40")
    folder, run = bundle(tmp_path / "b", text), tmp_path / "run"
    with pytest.raises(UserError) as caught:
        train(folder, run, partitions=data(HUGE), options=TrainOptions(checkpoint_seconds=None))
    assert str(caught.value) == (
        "every step overflows: the loss scale fell to its least by step 34 (epoch 34): the first value that is not "
        f"finite is in the gradient of 'hidden/weight' (<text>:6:5: network[1].dense); the last good checkpoint is "
        f"{run / 'checkpoints/last.safetensors'} (step 33)"
    )
    assert caught.value.hint == (
        "lower training.optimizer.learning_rate, or set training.clip_global_norm, "
        "or train with precision: bfloat16 or float32"
    )


def test_bfloat16_is_refused_on_the_cpu_before_anything_is_read_or_written(tmp_path: Path) -> None:
    text = SPEC.replace("float16", "bfloat16").replace("  loss_scaling: {initial: 1e6, growth_interval: 4}\n", "")
    folder = bundle(tmp_path / "b", text)
    with pytest.raises(EnvironmentProblem) as caught:
        train(folder, tmp_path / "run", partitions=data(), device="cpu")
    assert str(caught.value) == "'small' trains in bfloat16, for which ONNX Runtime has kernels on CUDA only"
    assert (
        caught.value.hint
        == "train on a machine with CUDA, or in another precision with --set training.precision=float32"
    )
    assert not (tmp_path / "run").exists()
