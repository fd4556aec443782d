"""The placement checker, built once."""

from __future__ import annotations

import pytest
from cuda_checker import CudaChecker, installed_provider
from standins import build_standins


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> CudaChecker:
    """`place(models, batch=64)`; on x86-64 Linux with onnxruntime-gpu it works, or the tests that ask for it fail."""
    folder = tmp_path_factory.mktemp("standins")
    build_standins(installed_provider(), folder)
    return CudaChecker(folder)
