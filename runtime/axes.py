"""Which symbolic axes a session is made for.

Static shapes are worth a session of their own: ONNX Runtime folds the arithmetic on sizes, plans memory, and on CUDA
nothing is left to the CPU. The batch axis is always fixed, since there are two numbers of rows in an epoch. The lengths
of sequences are where every batch has the same: in windows of a text. Else there would be a session for each length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bundle import Bundle
from .manifest import BATCH_ROLES, GraphEntry

BATCH = "batch"
Axes = tuple[tuple[str, int], ...]
"""Names of axes and their sizes."""


class FixedAxes:
    """What a graph's sessions are made for, batch by batch."""

    def __init__(self, bundle: Bundle, graph: GraphEntry) -> None:
        windows = (bundle.manifest.data or {}).get("windows") is not None
        self._lengths = {
            axis: (port.name, number)
            for port in graph.inputs
            if port.role in BATCH_ROLES and windows
            for number, axis in enumerate(port.shape)
            if isinstance(axis, str) and axis != BATCH
        }
        self.all = graph.symbols <= {BATCH, *self._lengths}
        """Whether no axis stays symbolic."""

    def of(self, batch: Mapping[str, Any], rows: int) -> Axes:
        """The sizes that this batch has there. What does not fit the graph is left for the run to refuse."""
        shapes = {name: tuple(batch[name].shape) for name, _ in self._lengths.values() if name in batch}
        lengths = (
            (axis, shapes[name][number])
            for axis, (name, number) in self._lengths.items()
            if number < len(shapes.get(name, ()))
        )
        return ((BATCH, rows), *lengths)
