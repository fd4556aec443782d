"""`netwright doctor`: what it finds, how it says it, and the exit code."""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from netwright.cli.doctor import examination_text
from netwright.runtime import device as device_module
from netwright.runtime import doctor
from netwright.runtime.device import CPU, INSTALL_AGAIN, Obstacle
from netwright.runtime.doctor import DeviceCheck, Driver, Examination, Extra, Runtime, examine
from netwright.runtime.errors import EnvironmentProblem
from support.command_line import Cli

VERSIONS = {"python": "3.11.7", "netwright": "0.1.0", "numpy": "2.4.0", "onnx": "1.19.0"}
NO_DRIVER = Obstacle("the driver is not here", "install the driver")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine whose parts a test may break."""
    parts = SimpleNamespace(cpu=None, cuda=NO_DRIVER)
    monkeypatch.setattr(doctor, "probe", lambda device: parts.cpu)
    monkeypatch.setattr(doctor, "cuda_obstacle", lambda: parts.cuda)
    return parts


@pytest.mark.parametrize(
    ("cpu", "cuda", "taken"),
    [
        (None, NO_DRIVER, {"auto": "cpu", "cpu": "cpu", "cuda": None}),
        (None, None, {"auto": "cuda", "cpu": "cpu", "cuda": "cuda"}),
        (Obstacle("broken", "again"), NO_DRIVER, {"auto": None, "cpu": None, "cuda": None}),
    ],
)
def test_the_exit_code_says_whether_the_device_is_usable(
    cli: Cli, machine: SimpleNamespace, cpu: Obstacle | None, cuda: Obstacle | None, taken: dict[str, str | None]
) -> None:
    machine.cpu, machine.cuda = cpu, cuda
    for device, expected in taken.items():
        result = cli("doctor", "--device", device, "--json")
        assert json.loads(result.stdout)["taken"] == expected
        assert result.exit_code == (0 if expected else 3)
        assert result.stderr == ""


def test_the_report_in_full() -> None:
    found = Examination(
        versions=VERSIONS,
        runtime=Runtime("onnxruntime-gpu", "1.31.1", "…", "13.0", ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        driver=Driver("13.0", 2),
        needs={"cuda": "13.0", "cudnn": "9"},
        devices={
            "cpu": DeviceCheck(True),
            "cuda": DeviceCheck(False, "a, b are missing", "pip install x"),
        },
        extras={"cuda": Extra(False, ["a", "b"], 'pip install "netwright[cuda]"'), "data": Extra(True)},
        device="cuda",
        taken=None,
    )
    assert examination_text(found) == (
        "python       3.11.7\n"
        "netwright    0.1.0\n"
        "numpy        2.4.0\n"
        "onnx         1.19.0\n"
        "onnxruntime  1.31.1 (onnxruntime-gpu, built for CUDA 13.0)\n"
        "providers    CUDAExecutionProvider, CPUExecutionProvider\n"
        "driver       runs CUDA up to 13.0, GPUs: 2\n"
        "needs        a driver for CUDA 13.0, cuDNN 9\n"
        "\n"
        "devices\n"
        "  cpu        works\n"
        "  cuda       a, b are missing\n"
        "             fix: pip install x\n"
        "\n"
        "extras\n"
        '  cuda       missing a, b: pip install "netwright[cuda]"\n'
        "  data       installed\n"
        "\n"
        "--device cuda cannot be used on this machine"
    )


def test_without_onnx_runtime(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise EnvironmentProblem("ONNX Runtime cannot be imported: no such thing", "install it with: pip install it")

    monkeypatch.setattr(doctor, "onnx_runtime", broken)
    result = cli("doctor")
    assert result.exit_code == 3
    for line in (
        "onnxruntime  cannot be used",
        "  cpu        ONNX Runtime cannot be imported: no such thing",
        "             fix: install it with: pip install it",
        "--device auto cannot be used on this machine",
    ):
        assert line in result.stdout.splitlines()


def test_a_build_without_cuda(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(
        __version__="1.30.0",
        get_build_info=lambda: "Release",
        get_available_providers=lambda: ["CPUExecutionProvider"],
    )
    monkeypatch.setattr(doctor, "onnx_runtime", lambda: fake)
    found = examine()
    assert found.runtime == Runtime("onnxruntime", "1.30.0", "Release", None, ["CPUExecutionProvider"])
    assert found.needs == {}
    assert "onnxruntime  1.30.0 (onnxruntime, built without CUDA)" in examination_text(found)


def test_the_cpu_really_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_module.probe(CPU) is None
    monkeypatch.setattr(device_module, "PROBE_ANSWER", [[0.0]])
    obstacle = device_module.probe(CPU)
    assert obstacle is not None
    assert obstacle.reason == "a small product on the CPU gave [[4.0, 7.0], [8.0, 15.0]] instead of [[0.0]]"
    assert obstacle.hint == INSTALL_AGAIN
    monkeypatch.setattr(device_module, "PROBE_MODEL", b"nothing")
    obstacle = device_module.probe(CPU)
    assert obstacle is not None
    assert obstacle.reason.startswith("a small product on the CPU failed: ")


def test_the_newest_cuda_of_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(pointer: Any) -> int:
        pointer._obj.value = 12090
        return 0

    driver = SimpleNamespace(cuDriverGetVersion=version)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert device_module.driver_cuda_version() == "12.9"
    driver.cuDriverGetVersion = lambda pointer: 3
    assert device_module.driver_cuda_version() is None

    def absent(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert device_module.driver_cuda_version() is None


def test_extras_are_looked_up_through_the_extras_they_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {
        "netwright": ["base", 'ort[gpu]>=1; extra == "cuda"', 'netwright[pictures]; extra == "report"',
                      'drawing; extra == "pictures"', 'elsewhere; extra == "data" and sys_platform == "none"'],
        "ort": ["base", 'driver; extra == "gpu"'],
    }  # fmt: skip
    here = {"netwright", "ort"}

    def version(package: str) -> str:
        if package not in here:
            raise importlib.metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(importlib.metadata, "requires", needs.get)
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert doctor._extra("cuda") == Extra(False, ["driver"], 'pip install "netwright[cuda]"')
    assert doctor._extra("report") == Extra(False, ["drawing"], 'pip install "netwright[report]"')
    assert doctor._extra("data") == Extra(True)
    here.add("driver")
    assert doctor._extra("cuda") == Extra(True)


def test_every_extra_for_users_is_looked_at() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(doctor.EXTRAS) == set(project["project"]["optional-dependencies"]) - {"test", "dev", "parity"}


def test_this_machine_in_a_process_of_its_own() -> None:
    """Nothing is printed but the report, whatever the libraries of a GPU say while they are tried."""
    result = subprocess.run(
        [sys.executable, "-m", "netwright.cli", "doctor", "--device", "cpu", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert list(found) == ["versions", "runtime", "driver", "needs", "devices", "extras", "device", "taken"]
    assert found["devices"]["cpu"] == {"works": True, "problem": None, "fix": None}
