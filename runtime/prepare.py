"""Run `prepare.onnx` on raw text, so that the training graphs get numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .bundle import Bundle
from .data.columns import ArrayColumns, Batch, Columns, Rows
from .device import CPU
from .session import open_session, run_problem

CHUNK: Final = 256
"""Rows prepared in one call."""
LARGEST_KEPT: Final = 2 << 30
"""Bytes of prepared columns that are made once and kept; beyond, every batch is prepared when it is taken."""


class Preparer:
    """The session of a bundle's `prepare.onnx`. Text has no CUDA kernels, so it always runs on the CPU."""

    def __init__(self, bundle: Bundle) -> None:
        graph = bundle.manifest.graphs["prepare"]
        self._model = bundle.graph_file("prepare")
        self._session = open_session(self._model, CPU)
        self._inputs = [port.name for port in graph.inputs]
        self.names = [port.name for port in graph.outputs]
        self.row_numbers = sum(int(np.prod([int(size) for size in port.shape[1:]])) for port in graph.outputs)

    def __call__(self, batch: Batch) -> Batch:
        """The prepared columns of some rows.

        Raises:
            UserError: ONNX Runtime refused the text.
        """
        feeds = {name: host_text(batch[name]) for name in self._inputs}
        try:
            return dict(zip(self.names, self._session.run(self.names, feeds), strict=True))
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise run_problem(self._model, error) from error


class Prepared:
    """Columns with the prepared ones added, made as rows are taken."""

    def __init__(self, columns: Columns, preparer: Preparer) -> None:
        self._columns = columns
        self._preparer = preparer

    @property
    def rows(self) -> int:
        return self._columns.rows

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._columns.names, *self._preparer.names)

    @property
    def row_bytes(self) -> int | None:
        return None  # preparing takes time, so batches are made ahead in the background

    def take(self, rows: Rows) -> Batch:
        batch = self._columns.take(rows)
        return {**batch, **self._preparer(batch)}


def with_prepared(bundle: Bundle, columns: Columns) -> Columns:
    """The columns as the training graphs take them; the same where nothing needs preparing."""
    if "prepare" not in bundle.manifest.graphs:
        return columns
    preparer = Preparer(bundle)
    lazy = Prepared(columns, preparer)
    if columns.row_bytes is None or 4 * preparer.row_numbers * columns.rows > LARGEST_KEPT:
        return lazy
    starts = range(0, columns.rows, CHUNK)
    parts = [lazy.take(slice(start, min(start + CHUNK, columns.rows))) for start in starts]
    return ArrayColumns({name: np.concatenate([part[name] for part in parts]) for name in lazy.names})


def host_text(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Text as ONNX Runtime takes it: an array of Python objects. Numbers stay as they are."""
    return array.astype(object) if array.dtype.kind in "TU" else array
