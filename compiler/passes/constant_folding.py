"""Compute what is known when compiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..ir import Graph, Node, Value, constant, find, is_static, product
from ..ir.rewrite import rewrite

LARGEST_FOLDED: Final = 4096
"""Elements. Larger results would grow the file; ONNX Runtime folds them when it loads the model."""


def fold_constants(graph: Graph) -> tuple[Graph, bool]:
    """Replace nodes over constants by their numpy value, and the shape of a value of static shape by that shape."""
    return rewrite(graph, _fold)


def _fold(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
    if node.op_type == "Constant":
        return None
    if node.op_type == "Shape":
        return _fold_shape(node)
    arrays = []
    for value in inputs:
        array = None if value is None else value.constant
        if value is not None and array is None:
            return None
        arrays.append(array)
    record = find(node.op_type, node.domain)
    small = all(is_static(out.shape) and _size(out) <= LARGEST_FOLDED for out in node.outputs)
    if not small or record.evaluate is None:
        return None
    with np.errstate(all="ignore"):  # infinities and NaN are legal constants
        results = record.evaluate(*arrays, **node.attributes)
    results = results if isinstance(results, tuple) else (results,)
    return [constant(np.asarray(r), out.dtype) for r, out in zip(results, node.outputs, strict=True)]


def _fold_shape(node: Node) -> Sequence[Value] | None:
    (out,), (x,) = node.outputs, node.given_inputs
    dims = x.shape[node.optional_attribute("start") : node.optional_attribute("end")]
    return [constant(np.array(dims, dtype=np.int64), out.dtype)] if is_static(dims) else None


def _size(value: Value) -> int:
    size = product(value.shape)
    assert isinstance(size, int)
    return size
