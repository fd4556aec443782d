"""Whole runs on a GPU: from data to summary, twice, killed, in half precision, and beside PyTorch's own tensors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from netwright.cli.specs import compile_loaded, load_spec
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import CudaOptions, Generator, Greedy, StepLoop, evaluate, predict, train
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.data import build_source
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.device import CPU, CUDA
from netwright.runtime.errors import EnvironmentProblem, UserError
from support.bundles import ROOT, BundleFolder, take_batches
from support.requirements import missing

GRAPH = "training.device.cuda.graph=true"
EXACT_CUDA = replace(CUDA, cuda=CudaOptions(tf32=False))
EXACT = "training.device.cuda.tf32=false"


def compiled(folder: Path, name: str, *overrides: str) -> Path:
    compile_loaded(load_spec(name, overrides)).write(folder)
    return folder


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_checkpoint(run / "checkpoints" / "last.safetensors").state


@pytest.mark.parametrize("overrides", [[], [GRAPH], [EXACT], ["training.precision=float16"]], ids=str)
def test_digits_are_learnt(tmp_path: Path, overrides: list[str]) -> None:
    summary = train(compiled(tmp_path / "bundle", "digits_mlp", *overrides), tmp_path / "run", device="cuda")
    assert summary.device == "cuda"
    assert summary.test is not None
    assert summary.test["accuracy"] >= 0.97
    again = evaluate(tmp_path / "run", device="cpu")
    assert again["test"]["accuracy"] == pytest.approx(summary.test["accuracy"], abs=0.003)


@pytest.mark.parametrize("name", ["digits_mlp", "mnist_cnn"])
@pytest.mark.parametrize("overrides", [[], [GRAPH]], ids=["plain", "recorded"])
def test_two_runs_give_the_same_bits(tmp_path: Path, name: str, overrides: list[str]) -> None:
    if name == "mnist_cnn" and missing_file("mnist"):
        missing("mnist", "netwright fetch mnist")
    bundle = compiled(tmp_path / "bundle", name, "training.epochs=2", *overrides)
    for run in ("one", "other"):
        train(bundle, tmp_path / run, device="cuda")
    one, other = weights(tmp_path / "one"), weights(tmp_path / "other")
    for state, value in one.items():
        np.testing.assert_array_equal(other[state], value, err_msg=state)


@pytest.mark.parametrize("overrides", [[], [GRAPH]], ids=["plain", "recorded"])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, overrides: list[str]) -> None:
    command = [sys.executable, "-m", "netwright.cli", "train", "digits_mlp", "--device", "cuda"]
    command += [part for override in ["training.epochs=12", *overrides] for part in ("--set", override)]
    subprocess.run([*command, "-o", tmp_path / "whole"], check=True, capture_output=True)
    killed = subprocess.Popen([*command, "-o", tmp_path / "run"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "run" / "checkpoints" / "last.safetensors"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "it had ended before"
    subprocess.run([*command, "-o", tmp_path / "run", "--resume"], check=True, capture_output=True)
    whole, run = weights(tmp_path / "whole"), weights(tmp_path / "run")
    for state, value in whole.items():
        np.testing.assert_array_equal(run[state], value, err_msg=state)


def test_tensors_of_pytorch_are_read_where_they_are(bundle_folder: BundleFolder) -> None:
    torch = pytest.importorskip("torch")
    folder = bundle_folder("digits_mlp")
    batches = take_batches(folder, 4)
    plain, shared = (StepLoop.start(folder, device="cuda", seed=3) for _ in range(2))
    for batch in batches:
        plain.step(batch)
        tensors = {name: torch.from_numpy(array).cuda() for name, array in batch.items()}
        torch.cuda.synchronize()
        shared.step(tensors)
    assert [result.loss for result in shared.read()] == [result.loss for result in plain.read()]
    weight = torch.from_dlpack(shared.state.shared()["dense1/weight"])
    assert weight.is_cuda
    np.testing.assert_array_equal(weight.cpu().numpy(), plain.state.numpy()["dense1/weight"])


WRITING = """
netwright: 1
inputs: {{text: {{shape: [time], dtype: int64}}}}
network:
  - embedding: {{vocabulary: 20, units: 16}}
  - {layer}
  - dense: {{units: 20, name: logits, weight_initializer: {{normal: {{stddev: 2}}}}}}
outputs: {{probabilities: {{softmax: {{from: logits}}}}}}
"""


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("layer", ["lstm: 24", "gru: 24", "transformer_decoder: {heads: 2, rotary: true, layers: 2}"])
def test_what_is_generated_on_the_gpu_is_what_is_on_the_cpu(tmp_path: Path, layer: str, cache: bool) -> None:
    compile_spec(load_spec_text(WRITING.format(layer=layer))).write(tmp_path / "bundle")
    texts = []
    for device in (CPU, EXACT_CUDA):
        generator = Generator.load(tmp_path / "bundle", device=device, cache=cache)
        found = generator.generate_batch([[1, 2], [3, 4]], Greedy(), length=20)
        texts.append([one.ids for (one,) in found])
    assert texts[0] == texts[1]
    assert len(set(texts[0][0])) > 2, "a network that repeats one token shows nothing"


def test_a_language_model_trains_with_and_without_recording(tmp_path: Path, bundle_folder: BundleFolder) -> None:
    pages = f"data.source={{text_lines: {{path: {ROOT}/docs/bundle.md, test: {ROOT}/docs/cuda.md}}}}"
    small = ["constants={width: 24, depth: 2, heads: 2, context: 32}", "training.batch_size=16", pages]
    steady = ["training.optimizer={adam: {learning_rate: 0.02}}", "training.epochs=8", EXACT]
    losses = []
    for number, more in enumerate(([], [GRAPH])):
        bundle = compiled(tmp_path / f"bundle{number}", "gpt_mini", *small, *steady, *more)
        summary = train(bundle, tmp_path / f"run{number}", device="cuda")
        assert summary.test is not None
        losses.append(summary.test["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] < 2.9


def test_where_a_loss_stopped_being_a_number(tmp_path: Path) -> None:
    bundle = compiled(tmp_path / "bundle", "digits_mlp", "training.optimizer={sgd: {learning_rate: 1.0e+30}}")
    with pytest.raises(UserError, match="not finite"):
        train(bundle, tmp_path / "run", device="cuda")


def test_too_little_memory_is_said(tmp_path: Path) -> None:
    bundle = compiled(tmp_path / "bundle", "mnist_mlp", "training.device.cuda.memory_limit=1MiB")
    rows = {"image": np.zeros((128, 28, 28), np.float32), "label": np.zeros(128, np.int64)}
    with pytest.raises(EnvironmentProblem, match="not enough memory"):
        StepLoop.start(bundle, device="cuda").step(rows)


def test_predictions_are_those_of_the_cpu(bundle_folder: BundleFolder) -> None:
    folder = bundle_folder("digits_mlp")
    image = build_source("digits").load(Path()).train.take(slice(0, 100))["image"]
    on_cpu, on_gpu = (predict(folder, {"image": image}, device=device) for device in ("cpu", "cuda"))
    for name, value in on_cpu.items():
        np.testing.assert_allclose(on_gpu[name], value, rtol=2e-2, atol=2e-3)  # tf32 rounds what is multiplied
