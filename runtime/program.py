"""One graph for one batch size, with its state bound once.

Per step only the batch is bound: a host pays about 1.3 µs a tensor for binding, which would be most of a small step
if the whole state were bound each time. Where batches are uploaded into buffers that take turns not even that: a
binding holds every address of a step, which is what recording it as a CUDA graph asks for as well.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .axes import Axes
from .device import Device
from .manifest import BATCH_ROLES, GraphEntry
from .ort import onnx_runtime
from .session import SessionSettings, open_session, run_problem
from .state import DeviceState
from .upload import Batch, Uploaded

GRAPH_ID = "gpu_graph_id"
NOT_RECORDED = "-1"
"""ONNX Runtime's run option: which recorded graph a run replays, or makes if there is none; -1 runs as usual."""

BindingKey = tuple[int, int, int | None]
"""The set of state buffers that is read, the slot of the results, the set of buffers that holds the batch."""


@dataclass
class _Bound:
    """A binding; if its runs are recorded, `options` name its graph, and `recorded` says whether there is one."""

    binding: Any
    options: Any = None
    recorded: bool = True


class Program:
    """A session for one graph, with these axes fixed, over a `DeviceState`.

    Outputs that feed a state input are written to the state's other set of buffers. Every other output (loss, metrics,
    sums; none has a batch axis) goes to `results[slot]`, device buffers by output name. Several slots let a host read
    the losses of several steps at once.

    record: replay each binding as a CUDA graph. The first run of a binding executes the graph three times, twice as
        usual and once recorded. That does no harm: a step never writes what it reads, so each gives the same.
    quiet: held while a graph is recorded; whoever uses the device in another thread must hold it too.
    """

    def __init__(
        self,
        model: Path,
        graph: GraphEntry,
        state: DeviceState,
        device: Device,
        axes: Axes,
        *,
        slots: list[dict[str, Any]],
        settings: SessionSettings | None = None,
        record: bool = False,
        quiet: threading.Lock | None = None,
    ) -> None:
        self._model = model
        self._graph = graph
        self._state = state
        self._slots = slots
        self._record = record
        self._quiet = quiet or threading.Lock()
        self._session = open_session(model, device, axes=dict(axes), graph=graph, settings=settings, record=record)
        self._batch_inputs = [port.name for port in graph.inputs if port.role in BATCH_ROLES]
        self._bindings: dict[BindingKey, _Bound] = {}

    def run(self, batch: Batch, slot: int = 0) -> None:
        """Run once on the current state. `batch` maps input names to C-contiguous arrays of the graph's dtypes.

        The caller flips the state afterwards if the graph advances it.

        Raises:
            UserError, EnvironmentProblem: ONNX Runtime refused the data or ran out of memory.
        """
        turn = batch.turn if isinstance(batch, Uploaded) else None
        key = (self._state.current, slot, turn)
        bound = self._bindings.get(key) or self._bind(key, batch)
        try:
            if turn is None:
                self._bind_batch(bound.binding, batch)
            if bound.recorded:
                self._session.run_with_iobinding(bound.binding, bound.options)
            else:
                with self._quiet:
                    self._session.run_with_iobinding(bound.binding, bound.options)
                bound.recorded = True
        except RuntimeError as error:
            raise run_problem(self._model, error) from error
        except Exception as error:  # ONNX Runtime's own exceptions share no base class but Exception
            if type(error).__module__.startswith("onnxruntime"):
                raise run_problem(self._model, error) from error
            raise

    def _bind(self, key: BindingKey, batch: Batch) -> _Bound:
        """A binding that reads one set of state buffers and writes the other. Inputs and outputs never share one."""
        side, slot, turn = key
        binding = self._session.io_binding()
        source, target = self._state.sides[side], self._state.sides[side ^ 1]
        for port in self._graph.inputs:
            if port.role not in BATCH_ROLES:
                binding.bind_ortvalue_input(port.name, source[port.name])
        for port in self._graph.outputs:
            value = target[port.feeds] if port.feeds is not None else self._slots[slot][port.name]
            binding.bind_ortvalue_output(port.name, value)
        bound = _Bound(binding)
        if turn is not None:
            self._bind_batch(binding, batch)
        if self._record:
            graph_id = NOT_RECORDED if turn is None else str(len(self._bindings) + 1)
            bound.options = onnx_runtime().RunOptions()
            bound.options.add_run_config_entry(GRAPH_ID, graph_id)
            bound.recorded = turn is None
        self._bindings[key] = bound
        return bound

    def _bind_batch(self, binding: Any, batch: Batch) -> None:
        for name in self._batch_inputs:
            if isinstance(batch, Uploaded):
                binding.bind_ortvalue_input(name, batch.on_device[name])
            else:
                binding.bind_cpu_input(name, batch[name])


def result_buffers(graph: GraphEntry, device: Device) -> dict[str, Any]:
    """Device buffers for the outputs of a graph that are not state; their shapes have no symbolic axis."""
    ort = onnx_runtime()
    return {
        port.name: ort.OrtValue.ortvalue_from_shape_and_type(list(port.shape), np.dtype(port.dtype), device.memory, 0)
        for port in graph.outputs
        if port.feeds is None
    }
