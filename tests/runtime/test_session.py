"""Sessions: the batch axis is fixed, and failures are told in plain words."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from netwright.runtime import session as module
from netwright.runtime.bundle import Bundle
from netwright.runtime.device import CPU, CUDA
from netwright.runtime.errors import EnvironmentProblem, UserError
from netwright.runtime.ort import first_line
from netwright.runtime.session import SessionSettings, load_problem, open_session, run_problem

MODEL = Path("m.onnx")


def test_the_batch_axis_is_fixed(bundle: Bundle) -> None:
    model = bundle.graph_file("inference")
    assert open_session(model, CPU).get_inputs()[0].shape == ["batch", 4]
    fixed = open_session(model, CPU, axes={"batch": 7}, settings=SessionSettings(threads=1, spin_microseconds=0))
    assert fixed.get_inputs()[0].shape == [7, 4]
    assert fixed.run(None, {"image": np.zeros((7, 4), np.float32)})[0].shape == (7, 3)


def test_cuda_options(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    options = SimpleNamespace(
        add_session_config_entry=seen.__setitem__,
        add_free_dimension_override_by_name=seen.__setitem__,
    )
    fake = SimpleNamespace(
        SessionOptions=lambda: options,
        GraphOptimizationLevel=SimpleNamespace(ORT_ENABLE_ALL=99),
        InferenceSession=lambda *arguments, **named: seen.update(named),
    )
    monkeypatch.setattr(module, "onnx_runtime", lambda: fake)
    open_session(bundle.graph_file("step"), CUDA, axes={"batch": 64})
    assert seen["session.disable_cpu_ep_fallback"] == "1"
    assert seen["session.intra_op.allow_spinning"] == "1"
    assert seen["session.intra_op.spin_duration_us"] == "200"
    assert seen["batch"] == 64
    assert seen["providers"] == CUDA.providers()
    assert options.graph_optimization_level == 99


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_session(tmp_path / "no.onnx", CPU)
    assert str(caught.value) == f"{tmp_path}/no.onnx: no such file"


def test_a_file_that_is_no_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "bad.onnx"
    model.write_bytes(b"this is no model")
    with pytest.raises(UserError) as caught:
        open_session(model, CPU)
    assert str(caught.value) == (
        f"{model}: ONNX Runtime cannot load the model: Load model from {model} failed:Protobuf parsing failed."
    )
    assert caught.value.hint == "compile the spec again"
    assert capfd.readouterr() == ("", "")


def test_failures_to_load() -> None:
    memory = load_problem(MODEL, CPU, RuntimeError("[ONNXRuntimeError] : 6 : X : Failed to allocate memory for y"))
    assert isinstance(memory, EnvironmentProblem)
    assert str(memory) == "m.onnx: not enough memory to load the model: Failed to allocate memory for y"
    fallback = load_problem(MODEL, CUDA, RuntimeError("the model will fallback to the CPU"))
    assert isinstance(fallback, EnvironmentProblem)
    assert str(fallback) == "m.onnx: the model cannot run wholly on CUDA: the model will fallback to the CPU"
    assert fallback.hint == "run it on the CPU with --device cpu"


def test_a_model_that_cannot_be_recorded() -> None:
    words = (
        "This session cannot use the graph capture feature as requested by the user as the model has control flow nodes"
    )
    problem = load_problem(MODEL, CUDA, RuntimeError(f"[ONNXRuntimeError] : 1 : FAIL : {words}"))
    assert isinstance(problem, EnvironmentProblem)
    assert str(problem) == f"m.onnx: ONNX Runtime cannot record the model as a CUDA graph: {words}"
    assert problem.hint == "train without: --set training.device.cuda.graph=false"


def test_failures_to_run() -> None:
    memory = run_problem(MODEL, RuntimeError("CUDA out of memory"))
    assert isinstance(memory, EnvironmentProblem)
    assert str(memory) == "m.onnx: not enough memory: CUDA out of memory"
    assert memory.hint == "a smaller batch needs less: --set training.batch_size=N"
    other = run_problem(MODEL, RuntimeError("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : index out of bounds"))
    assert isinstance(other, UserError)
    assert str(other) == "m.onnx: ONNX Runtime stopped: index out of bounds"


def test_an_error_without_words() -> None:
    assert first_line(ValueError()) == "ValueError"
