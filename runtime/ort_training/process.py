"""netwright's side of the process that trains with ONNX Runtime's training API."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import EnvironmentProblem

Array = NDArray[Any]

VARIABLE: Final = "NETWRIGHT_ORT_TRAINING"
"""The environment variable that names the Python of the environment with the training wheel."""
VERSION: Final = "1.19.2"
"""The last release of the training wheel, and the first whose graphs may use opset 21."""
INSTALL: Final = (
    "make an environment for it with: python3 -m venv ort-training && ort-training/bin/pip install "
    f'"onnxruntime-training=={VERSION}" "onnx<1.17" "numpy<2" "torch==2.13.0"\n'
    f"then name its Python: --ort-training ort-training/bin/python, or the environment variable {VARIABLE}"
)
PATIENCE: Final = 5.0
"""Seconds that the process gets to end by itself."""
WORKER: Final = Path(__file__).with_name("worker.py")


class Refused(Exception):
    """ONNX Runtime raised an error in the process; the text is its own."""


def find_python(given: str | Path | None) -> str:
    """The Python that has the training wheel: the one given, or the one that the environment variable names.

    Raises:
        EnvironmentProblem: neither is there.
    """
    python = str(given or os.environ.get(VARIABLE, ""))
    if not python:
        raise EnvironmentProblem("the backend ort-training needs a Python with onnxruntime-training", INSTALL)
    return python


class TrainingProcess:
    """The process, started at once; importing takes it seconds, so it is asked whether it is ready later."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        try:
            self._process = subprocess.Popen(
                [python, os.fspath(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                start_new_session=True,  # Ctrl-C is for netwright, which writes a checkpoint first
            )
        except OSError as error:
            self._complaints.close()
            raise EnvironmentProblem(f"{python}: cannot be run: {error.strerror or error}", INSTALL) from error
        self._is_ready = False

    def ready(self) -> None:
        """Wait until the process has imported the training API.

        Raises:
            EnvironmentProblem: it cannot, or has another version.
        """
        if self._is_ready:
            return
        try:
            answer, _ = self._receive()
        except Refused as error:
            problem = f"{self._python}: cannot import onnxruntime.training.api: {error}"
            raise EnvironmentProblem(problem, INSTALL) from error
        if answer["version"] != VERSION:
            problem = f"{self._python}: has onnxruntime-training {answer['version']}, but {VERSION} is needed"
            raise EnvironmentProblem(problem, INSTALL)
        self._is_ready = True

    def call(self, do: str, arrays: Iterable[Array] = (), **fields: Any) -> list[Array]:
        """What the process answers.

        Raises:
            Refused: ONNX Runtime raised an error.
            EnvironmentProblem: the process ended.
        """
        self.ready()
        contiguous = [np.ascontiguousarray(array).reshape(array.shape) for array in arrays]
        listed = [[str(array.dtype), list(array.shape)] for array in contiguous]
        head = json.dumps({"do": do, **fields, "arrays": listed}).encode()
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(len(head).to_bytes(8, "little") + head)
            for array in contiguous:
                stream.write(array.tobytes())
            stream.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        return self._receive()[1]

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def _receive(self) -> tuple[dict[str, Any], list[Array]]:
        answer = json.loads(self._read(int.from_bytes(self._read(8), "little")))
        if "error" in answer:
            raise Refused(answer["error"])
        arrays = []
        for dtype, shape in answer["arrays"]:
            data = self._read(math.prod(shape) * np.dtype(dtype).itemsize)
            arrays.append(np.frombuffer(data, dtype).reshape(shape))
        return answer, arrays

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise self._ended()
        return data

    def _ended(self) -> EnvironmentProblem:
        status = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        return EnvironmentProblem(f"{self._python}: the process that trains ended with status {status}{said}", INSTALL)
