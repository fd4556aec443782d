"""What is said when ONNX Runtime's training API cannot be had. With it, tests/ort_training trains."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from netwright.formats import ort_checkpoint
from netwright.runtime import EnvironmentProblem, UserError, train
from netwright.runtime.bundle import load_bundle
from netwright.runtime.ort_training.engine import ApiState
from netwright.runtime.ort_training.process import INSTALL, VARIABLE, Refused, TrainingProcess, find_python
from support.bundles import first_state, library_bundle

PYTHON = Callable[[str], str]


@pytest.fixture(autouse=True)
def no_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def python(tmp_path: Path) -> PYTHON:
    """A stand-in for a Python: it runs the given code in place of the worker."""

    def make(code: str) -> str:
        (tmp_path / "code.py").write_text(
            "import json, os, sys\n"
            "def answer(**fields):\n"
            "    head = json.dumps({**fields, 'arrays': []}).encode()\n"
            "    sys.stdout.buffer.write(len(head).to_bytes(8, 'little') + head)\n"
            "    sys.stdout.buffer.flush()\n" + code
        )
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'code.py'}\n")
        path.chmod(0o755)
        return str(path)

    return make


def problem(python: str) -> EnvironmentProblem:
    """What `ready` or a first request raises."""
    process = TrainingProcess(python)
    try:
        with pytest.raises(EnvironmentProblem) as caught:
            process.call("open", artifacts="", threads=1)
        return caught.value
    finally:
        process.close()


def test_the_hint_has_the_exact_command() -> None:
    assert INSTALL == (
        "make an environment for it with: python3 -m venv ort-training && ort-training/bin/pip install "
        '"onnxruntime-training==1.19.2" "onnx<1.17" "numpy<2" "torch==2.13.0"\n'
        "then name its Python: --ort-training ort-training/bin/python, or the environment variable "
        "NETWRIGHT_ORT_TRAINING"
    )


def test_no_python_is_named_or_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        find_python(None)
    assert caught.value.message == "the backend ort-training needs a Python with onnxruntime-training"
    assert caught.value.hint == INSTALL
    monkeypatch.setenv(VARIABLE, "/one/python")
    assert (find_python(None), find_python("/other/python")) == ("/one/python", "/other/python")


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        TrainingProcess(str(tmp_path / "python"))
    assert caught.value.message == f"{tmp_path / 'python'}: cannot be run: No such file or directory"
    assert caught.value.hint == INSTALL


def test_a_python_without_the_wheel() -> None:
    caught = problem(sys.executable)
    assert caught.message.startswith(f"{sys.executable}: cannot import onnxruntime.training.api: ")
    assert "No module named 'onnxruntime.training'" in caught.message
    assert caught.hint == INSTALL


def test_a_python_without_numpy_either(tmp_path: Path) -> None:
    """`-S` leaves out all packages, as a fresh system Python has none."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    path.chmod(0o755)
    caught = problem(str(path))
    assert caught.message == (
        f"{path}: cannot import onnxruntime.training.api: ModuleNotFoundError: No module named 'onnxruntime'"
    )
    assert caught.hint == INSTALL


def test_another_version(python: PYTHON) -> None:
    path = python("answer(version='1.17.0')")
    caught = problem(path)
    assert caught.message == f"{path}: has onnxruntime-training 1.17.0, but 1.19.2 is needed"
    assert caught.hint == INSTALL


def test_a_process_that_ends(python: PYTHON) -> None:
    path = python(
        "answer(version='1.19.2')\nsys.stdin.buffer.read(8)\nprint('out of luck', file=sys.stderr)\nos._exit(7)"
    )
    caught = problem(path)
    assert caught.message == f"{path}: the process that trains ended with status 7: out of luck"
    assert caught.hint == INSTALL


def test_a_process_that_ended_before(python: PYTHON) -> None:
    path = python("answer(version='1.19.2')\nsys.stdin.close()\nos.close(0)\nos._exit(0)")
    process = TrainingProcess(path)
    process.ready()
    process._process.wait()
    with pytest.raises(EnvironmentProblem) as caught:
        process.call("step", [np.zeros(1_000_000)])
    assert caught.value.message == f"{path}: the process that trains ended with status 0"
    process.close()


def test_words_of_onnx_runtime(python: PYTHON) -> None:
    path = python("answer(version='1.19.2')\nanswer(error='Invalid rank')\nsys.stdin.buffer.read()")
    process = TrainingProcess(path)
    with pytest.raises(Refused, match=r"^Invalid rank$"):
        process.call("open", artifacts="", threads=1)
    process.close()


def test_a_process_that_does_not_end_is_killed(python: PYTHON, monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.runtime.ort_training import process as module

    monkeypatch.setattr(module, "PATIENCE", 0.1)
    process = TrainingProcess(python("import time\ntime.sleep(60)"))
    process.close()
    assert process._process.returncode == -9


def test_cuda(tmp_path: Path) -> None:
    library_bundle("xor_mlp", "ort-training").write(tmp_path / "bundle")
    with pytest.raises(UserError) as caught:
        train(tmp_path / "bundle", tmp_path / "run", device="cuda")
    assert caught.value.message == "the backend ort-training trains on the CPU"
    assert caught.value.hint == "add --device cpu, or leave --backend out"


def test_more_state_than_a_checkpoint_holds(python: PYTHON, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bundle"
    library_bundle("xor_mlp", "ort-training").write(folder)
    bundle, values = load_bundle(folder), first_state(folder)
    process = TrainingProcess(python("sys.stdin.buffer.read()"))
    monkeypatch.setattr(ort_checkpoint, "LARGEST", 100)
    with pytest.raises(UserError) as caught:
        ApiState(bundle, bundle.training_api(), values, process)
    process.close()
    size = sum(values[name].nbytes * 3 for name in bundle.training_api().trained)
    assert caught.value.message == f"{folder}: the state has {size:,} bytes; a checkpoint holds 100"
    assert caught.value.hint == "leave --backend ort-training out"
