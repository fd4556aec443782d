"""What trained a run: versions and machine, for whoever wants to repeat it."""

from __future__ import annotations

import os
import platform


def describe_environment() -> dict[str, str]:
    """Versions of Python, ONNX Runtime and NumPy, the system, and the number of cores that this process may use."""
    import numpy as np

    from .ort import onnx_runtime

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "Python": platform.python_version(),
        "ONNX Runtime": str(onnx_runtime().__version__),
        "NumPy": np.__version__,
        "System": f"{platform.system()} on {platform.machine()}",
        "Cores": str(cores or "unknown"),
    }
