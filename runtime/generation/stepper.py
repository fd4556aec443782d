"""A network that keeps its states between tokens: `inference_step.onnx`.

States stay in buffers of the device from call to call, bound by IOBinding: `<layer>/state.next` of one call is
`<layer>/state` of the next. The tokens go in from the host, and the numbers for the next token come back to it, since
that is where it is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bundle import Bundle
from ..device import Device
from ..errors import UserError
from ..manifest import GraphEntry, Port
from ..ort import onnx_runtime
from ..session import SessionSettings, open_session, run_problem
from .contract import Contract, least
from .logits import Scores, log_probabilities
from .model import Tokens

HOST = "cpu"


class Stepper:
    """Reads a text in calls of one token; or, where the graph's time axis is symbolic, of any number of them.

    Before the first call a state is zeros of its shape in the manifest. Axes that grow with the text, like those of
    keys and values that attention keeps, then have a length of 0. What `read` was given comes before all texts: the
    memory, which every step reads and none changes, and first states.
    """

    def __init__(
        self, bundle: Bundle, contract: Contract, device: Device, *, settings: SessionSettings | None = None
    ) -> None:
        if "inference_step" not in bundle.manifest.graphs:
            raise UserError(
                f"{bundle.folder}: the network has no step form (inference_step.onnx): it keeps nothing between tokens",
                "without a cache it reads the whole text again for every token: --no-cache",
            )
        self.vocabulary = contract.vocabulary
        self._contract = contract
        self._model = bundle.graph_file("inference_step")
        self._graph = bundle.manifest.graphs["inference_step"]
        self._tokens = _port(self._graph, contract.tokens.name)
        self._memory = [port for port in self._graph.inputs if port.role == "memory"]
        self._carried = [port for port in self._graph.inputs if port.role == "carried"]
        self._next = {port.feeds: port.name for port in self._graph.outputs if port.feeds is not None}
        self._growing = any(map(_has_symbols, self._carried))
        self._device = device
        self._settings = settings
        self._sessions: dict[int, Any] = {}
        self._rows = 0
        self._state: dict[str, Any] = {}
        self._encoded: dict[str, npt.NDArray[Any]] = {}
        self._texts_a_row = 1

    @property
    def context(self) -> int | None:
        """Recurrence has no end of its own. What a network with growing states reads has one where the spec fixes the
        time axis, and learned positions come to theirs."""
        return least(self._contract.time if self._growing else None, self._contract.positions)

    def read(self, encoded: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take what `inference_encode` made, by name. The texts that begin from now on are about its rows, in order;
        where there are more texts than rows, as many of them about one row follow each other."""
        self._encoded = dict(encoded)

    def start(self, rows: int) -> None:
        self._rows = rows
        encoded = len(next(iter(self._encoded.values()))) if self._encoded else rows
        self._texts_a_row = rows // encoded
        self._state = {}
        for port in (*self._memory, *self._carried):
            found = self._encoded.get(port.name)
            first = _zeros(port, rows) if found is None else np.repeat(found, self._texts_a_row, axis=0)
            self._state[port.name] = self._buffer(first)

    def feed(self, tokens: Tokens) -> Scores:
        tokens = np.ascontiguousarray(tokens, self._tokens.dtype)
        if self._tokens.shape[1] == 1:
            for step in range(tokens.shape[1]):
                outputs = self._run(np.ascontiguousarray(tokens[:, step : step + 1]))
        else:
            outputs = self._run(tokens)
        return log_probabilities(outputs[:, -1] if self._contract.every_step else outputs)

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        if np.array_equal(rows, np.arange(self._rows)):
            return
        about = np.arange(self._rows) // self._texts_a_row
        same = len(rows) == self._rows and np.array_equal(about[rows], about)  # the memory of a row's texts is one
        # Through the host, also from CUDA: choosing rows there would take a graph of its own.
        for port in self._carried if same else (*self._memory, *self._carried):
            if port.shape[0] == "batch":  # else all rows share it, like the position they are at
                chosen = self._state[port.name].numpy()[rows]
                self._state[port.name] = self._buffer(np.ascontiguousarray(chosen))
        self._rows = len(rows)

    def _run(self, tokens: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One call: the states move on, the output comes back."""
        session = self._session()
        binding = session.io_binding()
        binding.bind_cpu_input(self._tokens.name, tokens)
        for name, value in self._state.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(self._contract.output.name, HOST)
        for port in self._carried:
            binding.bind_output(self._next[port.name], self._device.memory)
        try:
            session.run_with_iobinding(binding)
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise run_problem(self._model, error) from error
        output, *following = binding.get_outputs()
        self._state |= {port.name: value for port, value in zip(self._carried, following, strict=True)}
        outputs: npt.NDArray[Any] = output.numpy()
        return outputs

    def _session(self) -> Any:
        """A session for this number of rows. The axes of growing states stay symbolic: each call has others."""
        if self._rows not in self._sessions:
            self._sessions[self._rows] = open_session(
                self._model, self._device, axes={"batch": self._rows}, graph=self._graph, settings=self._settings
            )
        return self._sessions[self._rows]

    def _buffer(self, array: npt.NDArray[Any]) -> Any:
        return onnx_runtime().OrtValue.ortvalue_from_numpy(array, self._device.memory, 0)


def _has_symbols(port: Port) -> bool:
    """Whether an axis besides the batch has no fixed size."""
    return any(isinstance(dim, str) and dim != "batch" for dim in port.shape)


def _port(graph: GraphEntry, name: str) -> Port:
    (port,) = (port for port in graph.inputs if port.name == name)
    return port


def _zeros(port: Port, rows: int) -> npt.NDArray[Any]:
    shape = [rows if dim == "batch" else dim if isinstance(dim, int) else 0 for dim in port.shape]
    return np.zeros(shape, port.dtype)
