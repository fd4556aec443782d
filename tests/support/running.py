"""Build values, run them with ONNX Runtime's CPU provider, and get arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from netwright.compiler.emit import emit
from netwright.compiler.ir import Array, DType, Graph, Value, graph_input, symbol
from netwright.compiler.passes import optimize

BATCH = symbol("batch")


def silent_options() -> onnxruntime.SessionOptions:
    """One thread, and only errors are logged."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return options


def batch_input(name: str, array: Array) -> Value:
    """An input like the array, with a symbolic first axis."""
    return graph_input(name, DType.of(array), (BATCH, *array.shape[1:]))


def fixed_input(name: str, array: Any) -> Value:
    """An input of the array's type."""
    array = np.asarray(array)
    return graph_input(name, DType.of(array), array.shape)


class Program:
    """A compiled function of arrays, called with one array for each input."""

    def __init__(self, inputs: Sequence[Value], outputs: Sequence[Value], *, optimized: bool = True) -> None:
        graph = Graph("test", tuple(inputs), {f"y{i}": value for i, value in enumerate(outputs)})
        self.graph = optimize(graph) if optimized else graph
        self._names = [value.name for value in inputs]
        model = emit(self.graph).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, silent_options(), providers=["CPUExecutionProvider"])

    def __call__(self, *arrays: Any) -> list[Array]:
        feeds = {name: np.asarray(array) for name, array in zip(self._names, arrays, strict=True)}
        return list(self._session.run(None, feeds))


def run(outputs: Sequence[Value], feeds: Mapping[Value, Any]) -> list[Array]:
    """The arrays of `outputs`."""
    return Program(list(feeds), outputs)(*feeds.values())
