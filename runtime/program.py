"""One graph at one batch size, with its state bound once.

Per step only the batch is bound: a host pays about 1.3 µs a tensor for binding, which would be most of a small step
if the whole state were bound each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .device import Device
from .manifest import BATCH_ROLES, GraphEntry
from .ort import onnx_runtime
from .session import SessionSettings, open_session, run_problem
from .state import DeviceState

Batch = Mapping[str, NDArray[Any]]


class Program:
    """A session for one graph and one batch size over a `DeviceState`.

    Outputs that feed a state input are written to the state's other set of buffers. Every other output (loss, metrics,
    sums; none has a batch axis) goes to `results[slot]`, device buffers by output name. Several slots let a host read
    the losses of several steps at once.
    """

    def __init__(
        self,
        model: Path,
        graph: GraphEntry,
        state: DeviceState,
        device: Device,
        batch: int,
        *,
        slots: list[dict[str, Any]],
        settings: SessionSettings | None = None,
    ) -> None:
        self._model = model
        self._graph = graph
        self._state = state
        self._slots = slots
        self._session = open_session(model, device, batch=batch, settings=settings)
        self._batch_inputs = [port.name for port in graph.inputs if port.role in BATCH_ROLES]
        self._bindings: dict[tuple[int, int], Any] = {}

    def run(self, batch: Batch, slot: int = 0) -> None:
        """Run once on the current state. `batch` maps input names to C-contiguous arrays of the graph's dtypes.

        The caller flips the state afterwards if the graph advances it.

        Raises:
            UserError, EnvironmentProblem: ONNX Runtime refused the data or ran out of memory.
        """
        binding = self._bindings.get((self._state.current, slot)) or self._bind(self._state.current, slot)
        try:
            for name in self._batch_inputs:
                binding.bind_cpu_input(name, batch[name])
            self._session.run_with_iobinding(binding)
        except RuntimeError as error:
            raise run_problem(self._model, error) from error
        except Exception as error:  # ONNX Runtime's own exceptions share no base class but Exception
            if type(error).__module__.startswith("onnxruntime"):
                raise run_problem(self._model, error) from error
            raise

    def _bind(self, side: int, slot: int) -> Any:
        """A binding that reads one set of state buffers and writes the other. Inputs and outputs never share one."""
        binding = self._session.io_binding()
        source, target = self._state.sides[side], self._state.sides[side ^ 1]
        for port in self._graph.inputs:
            if port.role not in BATCH_ROLES:
                binding.bind_ortvalue_input(port.name, source[port.name])
        for port in self._graph.outputs:
            value = target[port.feeds] if port.feeds is not None else self._slots[slot][port.name]
            binding.bind_ortvalue_output(port.name, value)
        self._bindings[side, slot] = binding
        return binding


def result_buffers(graph: GraphEntry, device: Device) -> dict[str, Any]:
    """Device buffers for the outputs of a graph that are not state; their shapes have no symbolic axis."""
    ort = onnx_runtime()
    return {
        port.name: ort.OrtValue.ortvalue_from_shape_and_type(list(port.shape), np.dtype(port.dtype), device.name, 0)
        for port in graph.outputs
        if port.feeds is None
    }
