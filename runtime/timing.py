"""Time models against each other on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from .device import Device
from .session import SessionSettings, open_session, run_problem

ROUNDS: Final = 7
LEAST_SECONDS: Final = 0.02
"""That a model runs in a round, at least once: short ones are repeated."""
_DTYPES: Final = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def time_models(
    models: Mapping[str, Path], device: Device, *, batch: int, settings: SessionSettings | None = None
) -> dict[str, float]:
    """Milliseconds of one run of each model: the least over rounds in which they take turns.

    The models take the same float inputs; numbers are drawn for them, and `batch` is put for the axis of that name.

    Raises:
        UserError, EnvironmentProblem: a model cannot be loaded or run.
    """
    sessions = {
        name: open_session(path, device, axes={"batch": batch}, settings=settings) for name, path in models.items()
    }
    times: dict[str, list[float]] = {name: [] for name in models}
    repeats = {}
    for name, session in sessions.items():
        _time(session, models[name], batch, 1)  # the first run also plans memory
        repeats[name] = max(1, int(LEAST_SECONDS / max(_time(session, models[name], batch, 1), 1e-6)))
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            times[name].append(1e3 * _time(session, models[name], batch, repeats[name]))
    return {name: min(found) for name, found in times.items()}


def _time(session: Any, model: Path, batch: int, repeats: int) -> float:
    """Seconds a run."""
    random = np.random.default_rng(0)
    feeds = {
        port.name: random.standard_normal([batch if dim == "batch" else dim for dim in port.shape]).astype(
            _DTYPES[port.type]
        )
        for port in session.get_inputs()
    }
    began = time.perf_counter()
    try:
        for _ in range(repeats):
            session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise run_problem(model, error) from error
    return (time.perf_counter() - began) / repeats
