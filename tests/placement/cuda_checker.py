"""Ask the real CUDA provider, over stand-in CUDA libraries and in a process of its own, where nodes would run."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.requirements import missing

PROVEN_VERSION = "1.31.1"
"""The onnxruntime-gpu that this project's facts about CUDA are of."""


@dataclass(frozen=True)
class Placement:
    """Where a model's nodes are, or why ONNX Runtime refused the model."""

    model: str
    error: str | None
    cuda: int = 0
    cpu: Sequence[str] = ()
    copies: Sequence[str] = ()
    capture: str | None = None
    """Why it cannot be recorded as a CUDA graph; None where it can."""


class CudaChecker:
    """Says where models run. `libraries` is the folder of the stand-ins."""

    def __init__(self, libraries: Path) -> None:
        # The loader reads LD_LIBRARY_PATH when a process starts, hence one of its own for each call.
        self.libraries = libraries
        self._environment = {**os.environ, "LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}"}

    def drive(self, how: str, bundle: Path, given: int | Path) -> dict[str, int]:
        """What CUDA is asked to do while a bundle trains, see drive.py."""
        counts: dict[str, int] = json.loads(self._run("drive.py", how, str(bundle), str(given)))
        return counts

    def __call__(self, models: Sequence[Path], **sizes: int) -> list[Placement]:
        """The placement of each model with its symbolic dimensions fixed, `batch=64`."""
        arguments = [f"{name}={size}" for name, size in sizes.items()]
        output = self._run("place.py", *arguments, given="".join(f"{model}\n" for model in models))
        return [Placement(**json.loads(line)) for line in output.splitlines()]

    def _run(self, program: str, *arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [sys.executable, Path(__file__).parent / program, *arguments],
            input=given,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def installed_provider() -> Path:
    """The CUDA provider's library in the installed wheel; skips the calling test where no wheel has one."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("onnxruntime-gpu has its CUDA provider on x86-64 Linux")
    try:
        importlib.metadata.version("onnxruntime-gpu")
    except importlib.metadata.PackageNotFoundError:
        missing("onnxruntime-gpu", "pip install onnxruntime-gpu")
    for tool in ("gcc", "nm", "readelf"):
        if shutil.which(tool) is None:
            missing(tool, "apt-get install gcc")
    package = importlib.util.find_spec("onnxruntime")
    assert package is not None
    assert package.origin is not None
    provider = Path(package.origin).parent / "capi" / "libonnxruntime_providers_cuda.so"
    assert provider.is_file(), f"{provider} is not in the wheel any more: look for its new place"
    return provider
