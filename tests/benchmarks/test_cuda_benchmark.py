"""The benchmark for machines with a GPU, tried on the CPU: it runs, and writes what its page promises."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.pytorch import import_torch

import_torch()
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(file: str) -> ModuleType:
    """A script as a module of its own."""
    path = BENCHMARKS / file
    found = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module


gpu = load("gpu.py")
idle = load("systems/idle.py")

HEADER = "| spec | system | ms a step | netwright / system | GPU utilisation | GPU idle between kernels |"


def test_a_tiny_run_on_the_cpu(tmp_path: Path) -> None:
    output = tmp_path / "results.md"
    command = [sys.executable, BENCHMARKS / "gpu.py", "--device", "cpu", "--spec", "xor_mlp", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--steps", "2", "--skip", "torch.compile", "--output", output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = output.read_text().splitlines()
    assert lines[0].startswith("A trial of the script on the CPU, which says nothing of a GPU. Measured on ")
    assert lines[2] == HEADER
    number = r"\d+\.\d\d"
    assert re.fullmatch(rf"\| xor_mlp \| netwright \| {number}\d \| 1.00 \(1.00 to 1.00\) \| – \| – \|", lines[4])
    torch_row = rf"\| xor_mlp \| PyTorch eager \| {number}\d \| {number} \({number} to {number}\) \| – \| – \|"
    assert re.fullmatch(torch_row, lines[5])
    assert all(line in done.stdout for line in lines[4:6])


def test_without_a_gpu_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.runtime import device
    from netwright.runtime.device import Obstacle

    monkeypatch.setattr(device, "cuda_obstacle", lambda: Obstacle("no driver", "install it"))
    with pytest.raises(SystemExit) as caught:
        gpu.main([])
    assert str(caught.value) == "CUDA cannot be used: no driver\n  hint: install it"


def test_a_system_that_cannot_say_why() -> None:
    said = gpu.start("PyTorch eager", sys.executable, "torch_spec.py", "digits_siamese", "cpu", "eager")
    assert said == "the layer 'shared' is not translated to PyTorch here"
    assert gpu.row("a", "PyTorch eager", said, None) == f"| a | PyTorch eager | not measured: {said} | | | |"


def test_a_row_with_everything() -> None:
    ours = gpu.System("netwright", SimpleNamespace(), [1.0, 2.0, 3.0])
    other = gpu.System("PyTorch eager", SimpleNamespace(), [2.0, 2.0, 2.0], [50.0, 70.0], 0.25)
    assert gpu.row("a", "PyTorch eager", other, ours) == (
        "| a | PyTorch eager | 2.000 | 1.00 (0.50 to 1.50) | 60 % | 25% |"
    )


@pytest.mark.parametrize(
    ("intervals", "share"),
    [
        ([], None),
        ([(0, 1)], 0.0),
        ([(0, 1), (3, 4)], 0.5),
        ([(3, 4), (0, 2), (1, 2)], 0.25),
        ([(0, 4), (1, 2), (3, 4)], 0.0),
        ([(1, 1)], 0.0),
    ],
)
def test_the_idle_share(intervals: list[tuple[float, float]], share: float | None) -> None:
    assert idle.share_between(intervals) == share


def test_the_utilisation_is_sampled_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    meter = gpu.Meter(lambda: 40.0, seconds=0.001)
    with meter:
        deadline = time.monotonic() + 10
        while len(meter.samples) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert set(meter.samples) == {40.0}

    def answer(command: Any, **_: Any) -> SimpleNamespace:
        assert command[0] == "nvidia-smi"
        return SimpleNamespace(stdout="37\n")

    monkeypatch.setattr(subprocess, "run", answer)
    assert gpu.nvidia_smi() == 37.0
    assert gpu.gpu_reader("cpu")() is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert gpu.gpu_reader("cuda")() is None
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert gpu.gpu_reader("cuda") is gpu.nvidia_smi
    rates = SimpleNamespace(gpu=12)
    fake = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUtilizationRates=lambda handle: rates,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    assert gpu.gpu_reader("cuda")() == 12.0


def test_a_tiny_run_of_a_network(tmp_path: Path) -> None:
    output = tmp_path / "results.md"
    command = [sys.executable, BENCHMARKS / "gpu.py", "--device", "cpu", "--network", "mlp@8", "--rounds", "1"]
    skipped = ["--skip", "torch.compile", "--skip", "PyTorch eager"]
    subprocess.run([*command, "--steps", "2", *skipped, "--output", output], check=True, capture_output=True)
    assert output.read_text().splitlines()[4].startswith("| mlp@8 | netwright | ")


def test_the_page_names_the_networks_that_are_timed() -> None:
    networks = load("systems/networks.py").NETWORKS
    page = (BENCHMARKS / "cuda.md").read_text(encoding="utf-8")
    assert {name.partition("@")[0] for name in gpu.NETWORKS} <= set(networks)
    assert len(gpu.NETWORKS) == 7
    assert "seven networks" in page
