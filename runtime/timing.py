"""Time models against each other on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from .device import Device
from .ort import onnx_runtime
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
    runs = {name: _Run(path, device, batch, settings) for name, path in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    repeats = {}
    for name, run in runs.items():
        run.seconds(1)  # the first run also plans memory
        repeats[name] = max(1, int(LEAST_SECONDS / max(run.seconds(1), 1e-6)))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(1e3 * run.seconds(repeats[name]))
    return {name: min(found) for name, found in times.items()}


class _Run:
    """A model with its inputs and outputs bound on the device, so that copies to and from it are not timed."""

    def __init__(self, model: Path, device: Device, batch: int, settings: SessionSettings | None) -> None:
        self._model = model
        self._session = open_session(model, device, axes={"batch": batch}, settings=settings)
        self._binding = self._session.io_binding()
        random = np.random.default_rng(0)
        for port in self._session.get_inputs():
            sizes = [batch if dim == "batch" else dim for dim in port.shape]
            value = random.standard_normal(sizes).astype(_DTYPES[port.type])
            on_device = onnx_runtime().OrtValue.ortvalue_from_numpy(value, device.memory, 0)
            self._binding.bind_ortvalue_input(port.name, on_device)
        for port in self._session.get_outputs():
            self._binding.bind_output(port.name, device.memory)

    def seconds(self, repeats: int) -> float:
        """Seconds a run."""
        began = time.perf_counter()
        try:
            for _ in range(repeats):
                self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise run_problem(self._model, error) from error
        return (time.perf_counter() - began) / repeats
