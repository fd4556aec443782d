"""The generator again, in numpy and from its description alone, to hold the graphs against; and ways to run graphs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from netwright.compiler.emit import emit
from netwright.compiler.ir import Graph
from onnx.reference import ReferenceEvaluator

Array = np.ndarray[Any, Any]
WRAP = 1 << 64


def odd(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"netwright {name}".encode(), digest_size=8).digest(), "little") | 1


def squares(counter: int, key: int) -> int:
    """Widynski's Squares in Python's integers."""

    def swap(x: int) -> int:
        return (x >> 32) | (x << 32) % WRAP

    y = counter * key % WRAP
    z = (y + key) % WRAP
    x = swap((y * y + y) % WRAP)
    x = swap((x * x + z) % WRAP)
    x = swap((x * x + y) % WRAP)
    return (x * x + z) % WRAP


def reference_key(counter: int, stream: int) -> int:
    return (squares(counter % WRAP, odd("key")) * 2 + 1) * odd(f"stream {stream}") % WRAP


def reference_bits(key: int, shape: tuple[int, ...]) -> Array:
    """`bits` for a shape of at most two axes (or with the later ones flattened into the second)."""
    x = np.array(key, dtype=np.uint64)
    for axis, length in enumerate(shape):
        if length != 1:
            table = np.array([(squares(i, odd(f"axis {axis}")) * 2 + 1) % WRAP for i in range(length)], dtype=np.uint64)
            x = x[..., None] * table
        else:
            x = x[..., None]
    return x


def session(graph: Graph, *, optimize: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(emit(graph).SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(graph: Graph, feeds: Mapping[str, Any], *, optimize: bool = True) -> dict[str, Array]:
    names = list(graph.outputs)
    arrays = session(graph, optimize=optimize).run(names, {name: np.asarray(value) for name, value in feeds.items()})
    return dict(zip(names, arrays, strict=True))


def run_reference(graph: Graph, feeds: Mapping[str, Any]) -> dict[str, Array]:
    """The same by ONNX's own evaluator."""
    names = list(graph.outputs)
    with np.errstate(over="ignore"):  # wrapping is the point
        arrays = ReferenceEvaluator(emit(graph)).run(names, {name: np.asarray(value) for name, value in feeds.items()})
    return dict(zip(names, [np.asarray(array) for array in arrays], strict=True))
