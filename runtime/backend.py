"""Choose what trains a bundle: sessions of this process, or ONNX Runtime's training API in one of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .bundle import Bundle
from .device import CPU, Device, select
from .engine import Engine, stock_engine
from .errors import UserError
from .manifest import TrainingPlan
from .session import SessionSettings
from .state import Array


@dataclass(frozen=True)
class Backend:
    """`check` raises what keeps it from training; `open` gives the engine of a bundle at a state; `versions` are those
    of what trains beside this process."""

    device: Device
    open: Callable[[Bundle, Mapping[str, Array]], Engine]
    check: Callable[[], None] = lambda: None
    versions: Mapping[str, str] | None = None


@contextlib.contextmanager
def open_backend(
    bundle: Bundle,
    plan: TrainingPlan,
    device: str | Device | None,
    ort_training: str | Path | None,
    read_every: int | None,
    settings: SessionSettings,
) -> Iterator[Backend]:
    """The backend that the bundle was compiled for.

    Raises:
        UserError: an unknown device, or CUDA for the training API.
        EnvironmentProblem: no CUDA; no Python with the training wheel.
    """
    if bundle.manifest.training_api is None:
        chosen = select(device, plan.device)
        yield Backend(chosen, lambda bundle, values: stock_engine(bundle, values, chosen, read_every, settings))
        return
    if (device.name if isinstance(device, Device) else device or plan.device.name) == "cuda":
        raise UserError("the backend ort-training trains on the CPU", "add --device cpu, or leave --backend out")
    from .ort_training.engine import open_engine
    from .ort_training.process import VERSION, TrainingProcess, find_python

    process = TrainingProcess(find_python(ort_training))  # it imports while the data are read
    try:
        yield Backend(
            CPU,
            lambda bundle, values: open_engine(bundle, values, process, settings),
            process.ready,
            {"onnxruntime-training": VERSION},
        )
    finally:
        process.close()
