"""The CUDA path on the CPU: its device with the CPU's memory and provider, and sessions that record as CUDA does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netwright.runtime import CudaOptions
from netwright.runtime.device import CPU_PROVIDER, Device
from netwright.runtime.session import open_session

GRAPH_ID = "gpu_graph_id"


def cuda_path(*, graph: bool = False, read_every: int = 16) -> Device:
    """Everything of the CUDA path but the provider."""
    return Device("cuda", "cpu", CPU_PROVIDER, CudaOptions(graph=graph, read_every=read_every))


class RecordingSession:
    """A session on the CPU whose runs are recorded and replayed as those of the CUDA provider are.

    The first run with a graph id executes the binding it is given three times. Each later one executes *that* binding,
    whatever it is given: a recorded graph reads and writes the addresses it was recorded with.
    """

    made: list[RecordingSession] = []  # noqa: RUF012 - tests look here

    def __init__(self, session: Any, record: bool) -> None:
        self._session = session
        self.record = record
        self.recorded: dict[str, Any] = {}
        self.executions = 0
        RecordingSession.made.append(self)

    def io_binding(self) -> Any:
        return self._session.io_binding()

    def run_with_iobinding(self, binding: Any, options: Any = None) -> None:
        assert (options is not None) == self.record, "runs of a session that records name their graph, and no others"
        graph = options.get_run_config_entry(GRAPH_ID) if options else "-1"
        times = 1
        if graph != "-1":
            times = 1 if graph in self.recorded else 3
            binding = self.recorded.setdefault(graph, binding)
        for _ in range(times):
            self.executions += 1
            self._session.run_with_iobinding(binding)


def open_recording(model: Path, device: Device, *, record: bool = False, **named: Any) -> RecordingSession:
    """Stands in for `open_session`."""
    return RecordingSession(open_session(model, device, record=record, **named), record)
