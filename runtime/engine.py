"""What the trainer drives: the state, the steps, the evaluation, wherever they are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from .bundle import Bundle
from .device import Device
from .evaluator import Evaluator, Metrics
from .loop import StepLoop, StepResult
from .session import SessionSettings
from .state import Array, DeviceState
from .upload import Batch


class TrainingState(Protocol):
    """Every tensor that survives a step."""

    def numpy(self) -> dict[str, Array]:
        """Copies on the host, by state name."""

    def previous(self) -> dict[str, Array]:
        """Copies of the state before the last step."""

    def scalar(self, name: str) -> float:
        """The current value of a scalar."""

    def load(self, values: Mapping[str, Array]) -> None:
        """Replace all of it."""


class Steps(Protocol):
    """See `StepLoop`."""

    def feed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches on their way to the steps."""

    def step(self, batch: Batch, rows: int) -> list[StepResult]:
        """One training step."""

    def read(self) -> list[StepResult]:
        """The results of the steps that have not been read."""


class Evaluation(Protocol):
    """See `Evaluator`."""

    def evaluate(self, batches: Iterable[Batch]) -> Metrics:
        """Metrics over all batches."""


@dataclass(frozen=True)
class Engine:
    """`export` writes what the kind of engine leaves beside the trained `inference.onnx`."""

    state: TrainingState
    loop: Steps
    evaluator: Evaluation
    export: Callable[[], None] = lambda: None


def stock_engine(
    bundle: Bundle, values: Mapping[str, Array], device: Device, read_every: int | None, settings: SessionSettings
) -> Engine:
    """`step.onnx` and `evaluate.onnx` in sessions of this process, over one state on the device."""
    advanced = [port.feeds for port in bundle.manifest.step.outputs if port.feeds is not None]
    state = DeviceState(bundle.manifest.state, values, advanced, device)
    loop = StepLoop(bundle, state, device, read_every=read_every, settings=settings)
    return Engine(state, loop, Evaluator(bundle, state, device, settings=settings))
