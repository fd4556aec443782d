"""The training step as the trainer sees it: give a batch, get losses and metrics now and then.

A session for the full batch and one for the last, smaller batch of an epoch share one state; further sizes get theirs
when they first occur.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .axes import Axes, FixedAxes
from .bundle import Bundle, load_bundle
from .device import Device, select
from .errors import UserError
from .exchange import speaks_dlpack
from .initial_state import initial_state
from .program import Program, result_buffers
from .session import SessionSettings
from .state import DeviceState
from .upload import Batch, Uploaded, Uploader


@dataclass(frozen=True)
class StepResult:
    """What one step gave: its number of rows, its loss, and its other scalar outputs by name."""

    rows: int
    loss: float
    metrics: dict[str, float]


class StepLoop:
    """Runs `step.onnx` over a state. `read_every` steps are read together; None takes the device's number.

    Where the device records CUDA graphs, the steps on full batches are recorded, one graph for each slot of the
    results; a smaller batch, the last of an epoch, runs as usual.
    """

    def __init__(
        self,
        bundle: Bundle,
        state: DeviceState,
        device: Device,
        *,
        read_every: int | None = None,
        settings: SessionSettings | None = None,
    ) -> None:
        self.state = state
        self._model = bundle.graph_file("step")
        self._graph = bundle.manifest.graphs["step"]
        self._full = bundle.training_plan().batch_size
        self._device = device
        self._settings = settings
        self._read_every = read_every or device.read_every
        self._slots = [result_buffers(self._graph, device) for _ in range(self._read_every)]
        # On the CPU `numpy` is a view of the buffer, so it is taken once; on CUDA it is a copy, taken at each read.
        self._views = [{n: v.numpy() for n, v in slot.items()} for slot in self._slots] if device.name == "cpu" else []
        self._axes = FixedAxes(bundle, self._graph)
        self._programs: dict[Axes, Program] = {}
        self._quiet = threading.Lock()
        self._uploader = Uploader(self._graph, device, self._quiet, steady=self._axes.all)
        self._pending: list[tuple[int, int]] = []
        self._next_slot = 0  # slots take turns across readings, so that each meets the same buffers again

    @classmethod
    def start(
        cls, bundle: str | Path | Bundle, *, device: str | Device | None = None, seed: int | None = None
    ) -> StepLoop:
        """A loop over the first state of a bundle, for a host with batches of its own.

        device: auto, cpu or cuda; by default the spec's. seed: by default the spec's.

        Raises:
            UserError: not a bundle that trains, or one with statistics to fit to data that a loop does not see.
            EnvironmentProblem: the device cannot be had.
        """
        bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        plan = bundle.training_plan()
        if bundle.manifest.fitting:
            names = ", ".join(f"'{step.state}'" for step in bundle.manifest.fitting)
            raise UserError(f"{bundle.folder}: {names} must be fitted to the training data first", "use train()")
        chosen = select(device, plan.device)
        moving = [port.feeds for port in bundle.manifest.graphs["step"].outputs if port.feeds is not None]
        first = initial_state(bundle, plan.seed if seed is None else seed)
        return cls(bundle, DeviceState(bundle.manifest.state, first, moving, chosen), chosen)

    def feed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches as `step` is best given them: on CUDA, each uploaded while the one before it is computed on."""
        return self._uploader.feed(batches)

    def step(self, batch: Mapping[str, Any], rows: int | None = None) -> list[StepResult]:
        """One training step. The results of all unread steps when it is time to read, else nothing.

        batch: arrays by input name, as `feed` gives them or as they are; or tensors that speak DLPack, which are read
            where they are, on the CPU or the GPU; what makes them must have ended (`torch.cuda.synchronize()`).
        rows: how many; by default as many as the batch has.

        Raises:
            UserError: the batch does not fit the graph.
        """
        rows = len(next(iter(batch.values()))) if rows is None else rows
        if not isinstance(batch, Uploaded) and (self._device.uploads or any(map(speaks_dlpack, batch.values()))):
            batch = self._uploader.upload(batch)
        axes = self._axes.of(batch, rows)
        program = self._programs.get(axes) or self._open(axes, rows)
        program.run(batch, self._next_slot)
        self.state.flip()
        self._pending.append((self._next_slot, rows))
        self._next_slot = (self._next_slot + 1) % self._read_every
        return self.read() if len(self._pending) == self._read_every else []

    def read(self) -> list[StepResult]:
        """The results of the steps that have not been read, oldest first."""
        results = []
        for slot, rows in self._pending:
            views = self._views[slot] if self._views else {n: v.numpy() for n, v in self._slots[slot].items()}
            values = {name: float(view) for name, view in views.items()}
            results.append(StepResult(rows, values.pop("loss"), values))
        self._pending.clear()
        return results

    def _open(self, axes: Axes, rows: int) -> Program:
        program = Program(
            self._model,
            self._graph,
            self.state,
            self._device,
            axes,
            slots=self._slots,
            settings=self._settings,
            record=self._device.records and rows == self._full,
            quiet=self._quiet,
        )
        self._programs[axes] = program
        return program
