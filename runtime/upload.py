"""Batches brought onto the device ahead of their step, by a second thread, into two sets of buffers that take turns.

While a step computes on one set, the next batch is written into the other. That needs no event or stream of its own:
ONNX Runtime waits for the end of a run before it returns, and the thread writes into a set only after the step that
read it has been asked to make way for the next one.

The memory that batches come from is not pinned: ONNX Runtime 1.31 gives Python no pinned memory of its CUDA provider,
so an upload goes through the driver's own pinned buffers, and returns when it is done.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data.batches import ahead
from .device import Device
from .errors import UserError
from .exchange import shared_value, speaks_dlpack
from .manifest import BATCH_ROLES, GraphEntry, Port
from .ort import onnx_runtime

Batch = Mapping[str, NDArray[Any]]

TURNS = 2
Shapes = tuple[tuple[int, ...], ...]


class Uploaded(dict[str, Any]):
    """A batch as it was given, with `on_device`, the same by input name.

    `turn` says which set of buffers holds the latter; None when they lie in memory of their own, used this once.
    """

    def __init__(self, batch: Mapping[str, Any], values: dict[str, Any], turn: int | None) -> None:
        super().__init__(batch)
        self.on_device = values
        self.turn = turn


class Uploader:
    """Brings batches for one graph onto a device.

    quiet: held while a step is being recorded. CUDA forbids copies from any thread meanwhile (error 900).
    steady: whether batches have few shapes, so that each shape gets buffers of its own that are kept.
    """

    def __init__(self, graph: GraphEntry, device: Device, quiet: threading.Lock, *, steady: bool) -> None:
        self._ports = [port for port in graph.inputs if port.role in BATCH_ROLES]
        self._steady = steady
        self._device = device
        self._quiet = quiet
        self._buffers: dict[tuple[Shapes, int], dict[str, Any]] = {}
        self._turn = 0

    def feed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, on the device where it wants them there, each uploaded while the one before it is in use.

        A batch must be done with when the next is asked for. Leaving early ends the thread.
        """
        return self._ahead(iter(batches)) if self._device.uploads else iter(batches)

    def _ahead(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        def next_uploaded() -> Uploaded | None:
            batch = next(batches, None)
            return None if batch is None else self.upload(batch)

        jobs = itertools.repeat(next_uploaded)
        try:
            with contextlib.closing(ahead(jobs, TURNS - 1)) as uploaded:  # type: ignore[type-var]  # a generator
                for batch in uploaded:
                    if batch is None:
                        return
                    yield batch
        finally:
            if isinstance(batches, Generator):
                batches.close()

    def upload(self, batch: Mapping[str, Any]) -> Uploaded:
        """One batch on the device. Tensors that speak DLPack are used where they are.

        Raises:
            UserError: a value has another dtype or shape than the graph takes, or other rows than the rest.
        """
        rows = len(batch[self._ports[0].name])
        for port in self._ports:
            _check(port, batch[port.name], rows)
        with self._quiet:
            if not self._steady or any(speaks_dlpack(batch[port.name]) for port in self._ports):
                return Uploaded(batch, {port.name: self._own(batch[port.name]) for port in self._ports}, None)
            turn, self._turn = self._turn, (self._turn + 1) % TURNS
            shapes = tuple(batch[port.name].shape for port in self._ports)
            buffers = self._buffers.get((shapes, turn)) or self._allocate(shapes, turn)
            for port in self._ports:
                buffers[port.name].update_inplace(batch[port.name])
            return Uploaded(batch, buffers, turn)

    def _own(self, value: Any) -> Any:
        if speaks_dlpack(value):
            return shared_value(value)
        return onnx_runtime().OrtValue.ortvalue_from_numpy(value, self._device.memory, 0)

    def _allocate(self, shapes: Shapes, turn: int) -> dict[str, Any]:
        make = onnx_runtime().OrtValue.ortvalue_from_shape_and_type
        buffers = {
            port.name: make(list(shape), np.dtype(port.dtype), self._device.memory, 0)
            for port, shape in zip(self._ports, shapes, strict=True)
        }
        self._buffers[shapes, turn] = buffers
        return buffers


def _check(port: Port, value: Any, rows: int) -> None:
    """A copy into a buffer would not notice what a run refuses."""
    dtype = str(value.dtype).removeprefix("torch.")
    sizes, wants = tuple(value.shape), (rows, *port.shape[1:])
    fits = len(sizes) == len(wants) and all(
        size == want for size, want in zip(sizes, wants, strict=True) if isinstance(want, int)
    )
    if dtype != port.dtype or not fits:
        wanted = ", ".join(map(str, wants))
        raise UserError(
            f"the batch's '{port.name}' is {dtype} ({', '.join(map(str, sizes))}), "
            f"but the graph takes {port.dtype} ({wanted})",
            "check the data that were given",
        )
