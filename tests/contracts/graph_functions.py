"""Graphs as functions: through onnx.reference, which computes in any dtype, and through ONNX Runtime on the CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from netwright.compiler.emit import emit
from netwright.compiler.ir import OPERATORS, Array, Graph, Operator, Value
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun


def to_onnx(outputs: Sequence[Value], inputs: Sequence[Value]) -> onnx.ModelProto:
    """A model computing `outputs` as `y0`, `y1`, …"""
    return emit(Graph("case", tuple(inputs), {f"y{i}": value for i, value in enumerate(outputs)}))


Function = Callable[[Mapping[Value, Array]], list[Array]]


def reference(outputs: Sequence[Value], inputs: Sequence[Value]) -> Function:
    """The graph as a function, evaluated by onnx.reference."""
    evaluator = ReferenceEvaluator(to_onnx(outputs, inputs), new_ops=list(_own_operators()))

    def run(feeds: Mapping[Value, Array]) -> list[Array]:
        with np.errstate(all="ignore"):  # the branch of a Where that is not taken may overflow
            results = evaluator.run(None, {value.name: feeds[value] for value in inputs})
        return [np.asarray(result) for result in results]

    return run


REFERENCE_LACKS: Final = {
    "Erf": "rounds to float32",
    "ConvTranspose": "mixes up the channels of groups",
    "Gelu": "is expanded to Erf",
    "GlobalMaxPool": "knows two spatial axes only",
    "GatherElements": "refuses indices that cover fewer columns than the data",
    "MaxPool": "has no indices where the strides are 1, and none in padded images of three axes",
    "OneHot": "refuses a depth of shape (1,)",
    "LRN": "takes the number of examples for that of channels",
    "StringNormalizer": "changes the locale of the whole process",
}
"""Operators that onnx.reference 1.23 cannot be trusted with, and why."""


@functools.cache
def _own_operators() -> tuple[type[OpRun], ...]:
    """Those, and contrib operators, by the records' numpy functions; ONNX Runtime and PyTorch check these records."""
    return tuple(_own_operator(o) for o in OPERATORS.values() if o.domain or o.name in REFERENCE_LACKS)


def _own_operator(operator: Operator) -> type[OpRun]:
    def run(self: OpRun, *arrays: Array, **attributes: Any) -> tuple[Array, ...]:
        assert operator.evaluate is not None
        given = {**operator.attributes, **{k: v for k, v in attributes.items() if v is not None}}
        return as_tuple(operator.evaluate(*arrays, **given))

    return type(operator.name, (OpRun,), {"op_domain": operator.domain, "_run": run})


def onnxruntime_cpu(outputs: Sequence[Value], inputs: Sequence[Value]) -> Function:
    """The graph as a function, run by ONNX Runtime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    model = to_onnx(outputs, inputs).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(feeds: Mapping[Value, Array]) -> list[Array]:
        return list(session.run(None, {value.name: feeds[value] for value in inputs}))

    return run


def as_tuple(result: Any) -> tuple[Array, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (np.asarray(result),)
