"""Evaluation: sums over the batches of a partition, then metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import numpy as np

from .axes import Axes, FixedAxes
from .bundle import Bundle
from .device import Device
from .errors import UserError
from .finalize import FINALIZERS, Array, MetricValue
from .manifest import Metric
from .program import Program, result_buffers
from .session import SessionSettings
from .state import DeviceState
from .upload import Batch, Uploader

Metrics = dict[str, MetricValue]


def sum_batches(batches: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """The sums of each batch added up in float64, by name.

    Raises:
        UserError: there are no batches.
    """
    sums: dict[str, Array] = {}
    for batch in batches:
        for name, value in batch.items():
            part = value.astype(np.float64)
            sums[name] = sums[name] + part if name in sums else part
    if not sums:
        raise UserError("there are no rows to evaluate")
    return sums


def finalize(metrics: Iterable[Metric], sums: Mapping[str, Array]) -> Metrics:
    """Each metric as a number (or a matrix), by name."""
    return {m.name: FINALIZERS[m.finalize](*(sums[name] for name in m.sums)) for m in metrics}


class Evaluator:
    """Runs `evaluate.onnx` over the current parameters of a state. The parameters never leave the device."""

    def __init__(
        self, bundle: Bundle, state: DeviceState, device: Device, *, settings: SessionSettings | None = None
    ) -> None:
        self._model = bundle.graph_file("evaluate")
        self._graph = bundle.manifest.graphs["evaluate"]
        self._metrics = bundle.manifest.metrics
        self._state = state
        self._device = device
        self._settings = settings
        self._results = result_buffers(self._graph, device)
        self._axes = FixedAxes(bundle, self._graph)
        self._programs: dict[Axes, Program] = {}
        self._uploader = Uploader(self._graph, device, threading.Lock(), steady=self._axes.all)

    def evaluate(self, batches: Iterable[Batch]) -> Metrics:
        """Metrics by name over all batches, summed in float64. `loss` is among them.

        Raises:
            UserError: there are no batches.
        """
        return finalize(self._metrics, sum_batches(self._sums(batch) for batch in self._uploader.feed(batches)))

    def _sums(self, batch: Batch) -> dict[str, Array]:
        axes = self._axes.of(batch, len(next(iter(batch.values()))))
        program = self._programs.get(axes) or self._open(axes)
        program.run(batch)
        return {name: value.numpy() for name, value in self._results.items()}

    def _open(self, axes: Axes) -> Program:
        program = Program(
            self._model, self._graph, self._state, self._device, axes, slots=[self._results], settings=self._settings
        )
        self._programs[axes] = program
        return program
