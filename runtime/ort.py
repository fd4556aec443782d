"""The one place that imports ONNX Runtime: lazily, with telemetry off and its log silent.

Recent stock wheels carry telemetry that is on by default. It is switched off here, before any session exists, unless
the environment variable NETWRIGHT_TELEMETRY is 1. The log is silent because every failure also arrives as an
exception, which netwright turns into a message of its own.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from .errors import EnvironmentProblem

FATAL = 4
"""ONNX Runtime's log severity above which nothing is left to say."""


@functools.cache
def onnx_runtime() -> Any:
    """The `onnxruntime` module.

    Raises:
        EnvironmentProblem: it is not installed, or its shared libraries cannot be loaded.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EnvironmentProblem(
            f"ONNX Runtime cannot be imported: {error}", "install it with: pip install onnxruntime"
        ) from error
    if os.environ.get("NETWRIGHT_TELEMETRY") != "1":
        onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(FATAL)
    return onnxruntime


def first_line(error: Exception) -> str:
    """ONNX Runtime's own words without its status prefix: `[ONNXRuntimeError] : 1 : FAIL : words`."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    return text.removeprefix("Error in execution: ")  # what a bound run adds
