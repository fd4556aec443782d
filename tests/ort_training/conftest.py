"""The environment with the training wheel, which `tests/ort_training/run` makes, and a process in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netwright.runtime.ort_training.process import VARIABLE, TrainingProcess

sys.path.append(str(Path(__file__).parents[1] / "contracts"))  # for `operator_contract`


@pytest.fixture(scope="session")
def training_python() -> str:
    """The Python that has onnxruntime-training."""
    python = os.environ.get(VARIABLE)
    if not python:
        pytest.skip(f"{VARIABLE} names no Python with onnxruntime-training: tests/ort_training/run makes one")
    return python


@pytest.fixture(scope="session")
def process(training_python: str) -> Iterator[TrainingProcess]:
    """A process that trains, one after the other, what tests open in it."""
    process = TrainingProcess(training_python)
    process.ready()
    yield process
    process.close()
