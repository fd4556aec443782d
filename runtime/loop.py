"""The training step as the trainer sees it: give a batch, get losses and metrics now and then.

A session for the full batch and one for the last, smaller batch of an epoch share one state; further sizes get theirs
when they first occur.
"""

from __future__ import annotations

from dataclasses import dataclass

from .bundle import Bundle
from .device import Device
from .program import Batch, Program, result_buffers
from .session import SessionSettings
from .state import DeviceState

READ_EVERY = {"cpu": 1, "cuda": 16}
"""Steps between reads of the loss. On the CPU reading is free; on CUDA each read is a copy that waits."""


@dataclass(frozen=True)
class StepResult:
    """What one step gave: its number of rows, its loss, and its other scalar outputs by name."""

    rows: int
    loss: float
    metrics: dict[str, float]


class StepLoop:
    """Runs `step.onnx` over a state. `read_every` steps are read together."""

    def __init__(
        self,
        bundle: Bundle,
        state: DeviceState,
        device: Device,
        *,
        read_every: int | None = None,
        settings: SessionSettings | None = None,
    ) -> None:
        self._model = bundle.graph_file("step")
        self._graph = bundle.manifest.graphs["step"]
        self._state = state
        self._device = device
        self._settings = settings
        self._read_every = read_every or READ_EVERY[device.name]
        self._slots = [result_buffers(self._graph, device) for _ in range(self._read_every)]
        # On the CPU `numpy` is a view of the buffer, so it is taken once; on CUDA it is a copy, taken at each read.
        self._views = [{n: v.numpy() for n, v in slot.items()} for slot in self._slots] if device.name == "cpu" else []
        self._programs: dict[int, Program] = {}
        self._pending: list[int] = []

    def step(self, batch: Batch, rows: int) -> list[StepResult]:
        """One training step on `rows` rows. The results of all unread steps when it is time to read, else nothing."""
        program = self._programs.get(rows) or self._open(rows)
        program.run(batch, len(self._pending))
        self._state.flip()
        self._pending.append(rows)
        return self.read() if len(self._pending) == self._read_every else []

    def read(self) -> list[StepResult]:
        """The results of the steps that have not been read, oldest first."""
        results = []
        for slot, rows in enumerate(self._pending):
            views = self._views[slot] if self._views else {n: v.numpy() for n, v in self._slots[slot].items()}
            values = {name: float(view) for name, view in views.items()}
            results.append(StepResult(rows, values.pop("loss"), values))
        self._pending.clear()
        return results

    def _open(self, rows: int) -> Program:
        program = Program(
            self._model, self._graph, self._state, self._device, rows, slots=self._slots, settings=self._settings
        )
        self._programs[rows] = program
        return program
