"""Which device is taken, and what is said when it cannot be."""

import base64
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from netwright.runtime import device, ort
from netwright.runtime.device import CPU, CUDA, PROBE_ANSWER, PROBE_INPUT, PROBE_MODEL, select
from netwright.runtime.errors import EnvironmentProblem, UserError
from netwright.runtime.manifest import CudaOptions, DevicePlan
from onnx import helper, numpy_helper


class FakeSession:
    """A CUDA session that answers what the test says."""

    answer: Any = PROBE_ANSWER
    providers = ("CUDAExecutionProvider", "CPUExecutionProvider")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        if isinstance(self.answer, Exception):
            raise self.answer

    def get_providers(self) -> list[str]:
        return list(self.providers)

    def run(self, outputs: Any, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert feed["x"].tolist() == PROBE_INPUT
        return [np.array(self.answer, np.float32)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A machine on which CUDA works; tests break one thing each."""
    fake = SimpleNamespace(
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
        preload_dlls=lambda: sys.stdout.write("Failed to load libcublas.so.13"),
        cuda_version="13.0",
        SessionOptions=lambda: SimpleNamespace(add_session_config_entry=lambda *_: None),
        InferenceSession=FakeSession,
    )
    monkeypatch.setattr(device, "onnx_runtime", lambda: fake)
    monkeypatch.setattr(device, "driver_devices", lambda: 1)
    monkeypatch.setattr(device, "missing_libraries", lambda version: [])
    device.cuda_obstacle.cache_clear()
    yield fake
    device.cuda_obstacle.cache_clear()


def refusal(monkeypatch: pytest.MonkeyPatch) -> EnvironmentProblem:
    assert select("auto") == CPU
    with pytest.raises(EnvironmentProblem) as caught:
        select("cuda")
    return caught.value


def test_the_probe_model_is_what_its_comment_says() -> None:
    weight = numpy_helper.from_array(np.arange(4, dtype=np.float32).reshape(2, 2), "w")
    ports = [helper.make_tensor_value_info(name, 1, [2, 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "probe", ports[:1], ports[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert base64.b64encode(model.SerializeToString()) == base64.b64encode(PROBE_MODEL)
    session = ort.onnx_runtime().InferenceSession(PROBE_MODEL, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.array(PROBE_INPUT, np.float32)})[0].tolist() == PROBE_ANSWER


def test_cpu_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cuda_obstacle", lambda: pytest.fail("CUDA was tried"))
    assert select("cpu") == CPU


def test_an_unknown_device() -> None:
    with pytest.raises(UserError) as caught:
        select("gpu")
    assert (str(caught.value), caught.value.hint) == ("unknown device 'gpu'", "choose auto, cpu or cuda")


def test_cuda_that_works(machine: SimpleNamespace, capfd: pytest.CaptureFixture[str]) -> None:
    assert select("auto") == CUDA
    assert select("cuda") == CUDA
    assert capfd.readouterr() == ("", "")


def test_the_plan_decides_where_nobody_does(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = CudaOptions(tf32=False)
    assert select() == CUDA
    assert select(None, DevicePlan("cpu")) == CPU
    assert select(None, DevicePlan("cuda", exact)).cuda == exact
    assert select("cuda", DevicePlan("cpu", exact)).cuda == exact, "the options are those of the plan, whoever chose"
    assert select("cpu", DevicePlan("cuda")) == CPU
    assert select(CPU, DevicePlan("cuda")) is CPU
    monkeypatch.setattr(device, "driver_devices", lambda: None)
    device.cuda_obstacle.cache_clear()
    with pytest.raises(EnvironmentProblem, match="CUDA cannot be used"):
        select(None, DevicePlan("cuda"))


def test_what_the_providers_are_told() -> None:
    usual = {"cudnn_conv_algo_search": "EXHAUSTIVE", "use_tf32": "1"}
    assert CUDA.providers() == [("CUDAExecutionProvider", usual)]
    assert CPU.providers(record=True) == [("CPUExecutionProvider", {})]
    chosen = replace(CUDA, cuda=CudaOptions(tf32=False, graph=True, memory_limit=2**30))
    assert chosen.providers() == [
        ("CUDAExecutionProvider", {**usual, "use_tf32": "0", "gpu_mem_limit": "1073741824"}),
    ]
    ((_, recording),) = chosen.providers(record=True)
    assert recording["enable_cuda_graph"] == "1"


def test_a_wheel_without_cuda(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.get_available_providers = lambda: ["CPUExecutionProvider"]
    problem = refusal(monkeypatch)
    assert str(problem) == "CUDA cannot be used: the installed ONNX Runtime has no CUDA provider"
    assert problem.hint == device.INSTALL_GPU_WHEEL


def test_no_driver(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "driver_devices", lambda: None)
    problem = refusal(monkeypatch)
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    assert str(problem) == f"CUDA cannot be used: the NVIDIA driver library ({library}) is not on this machine"
    assert problem.hint == device.INSTALL_DRIVER


def test_no_gpu(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "driver_devices", lambda: 0)
    assert str(refusal(monkeypatch)) == "CUDA cannot be used: the NVIDIA driver finds no GPU"


def test_no_libraries(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "missing_libraries", lambda version: ["libcublas.so.13", "libcudnn.so.9"])
    problem = refusal(monkeypatch)
    assert str(problem) == "CUDA cannot be used: the CUDA libraries libcublas.so.13, libcudnn.so.9 are missing"
    assert problem.hint == (
        'install them with: pip install "onnxruntime-gpu[cuda,cudnn]"; or train on the CPU with --device cpu'
    )


def test_a_provider_that_does_not_load(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSession, "providers", ("CPUExecutionProvider",))
    assert str(refusal(monkeypatch)) == "CUDA cannot be used: ONNX Runtime could not load its CUDA provider"


def test_a_session_that_fails(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 35: the driver is too old\nmore")
    monkeypatch.setattr(FakeSession, "answer", failure)
    assert str(refusal(monkeypatch)) == (
        "CUDA cannot be used: a small product on CUDA failed: CUDA failure 35: the driver is too old"
    )


def test_a_provider_that_is_left_out(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library beside the wheel that cannot be loaded; told of by where the product would have run."""
    words = "This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been"
    monkeypatch.setattr(FakeSession, "answer", RuntimeError(f"{words} explicitly disabled by the user."))
    assert str(refusal(monkeypatch)) == "CUDA cannot be used: ONNX Runtime could not load its CUDA provider"


def test_a_wrong_answer(machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSession, "answer", [[0.0, 0.0], [0.0, 0.0]])
    assert str(refusal(monkeypatch)) == (
        "CUDA cannot be used: a small product on CUDA gave [[0.0, 0.0], [0.0, 0.0]] "
        "instead of [[4.0, 7.0], [8.0, 15.0]]"
    )


def test_the_driver_is_asked_for_its_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(pointer: Any) -> int:
        pointer._obj.value = 2
        return 0

    driver = SimpleNamespace(cuInit=lambda flags: 0, cuDeviceGetCount=count)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert device.driver_devices() == 2
    driver.cuInit = lambda flags: 100  # CUDA_ERROR_NO_DEVICE
    assert device.driver_devices() == 0

    def absent(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert device.driver_devices() is None

    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert device.driver_devices() is None


@pytest.mark.skipif(sys.platform == "win32", reason="the names differ")
def test_missing_libraries_follow_the_cuda_version() -> None:
    names = device.missing_libraries("99.1")
    assert {"libcublasLt.so.99", "libcublas.so.99", "libcudart.so.99"} <= set(names)


def test_choosing_a_device_says_nothing() -> None:
    """In a process of its own, because the choice is made once."""
    script = "from netwright.runtime.device import select; print(select('auto').name)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() in ("cpu", "cuda")
    assert result.stderr == ""


@pytest.mark.parametrize(("setting", "expected"), [(None, ["off"]), ("1", [])])
def test_telemetry_is_off_unless_asked_for(
    setting: str | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fake = SimpleNamespace(
        disable_telemetry_events=lambda: calls.append("off"), set_default_logger_severity=lambda level: None
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    monkeypatch.setattr(os, "environ", {**os.environ, "NETWRIGHT_TELEMETRY": setting or "0"})
    ort.onnx_runtime.cache_clear()
    assert ort.onnx_runtime() is fake
    ort.onnx_runtime.cache_clear()
    assert calls == expected


def test_no_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ort.onnx_runtime.cache_clear()
    with pytest.raises(EnvironmentProblem) as caught:
        ort.onnx_runtime()
    ort.onnx_runtime.cache_clear()
    assert str(caught.value) == ("ONNX Runtime cannot be imported: import of onnxruntime halted; None in sys.modules")
    assert caught.value.hint == "install it with: pip install onnxruntime"
