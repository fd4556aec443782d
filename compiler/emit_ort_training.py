"""The ONNX models of ONNX Runtime's own training API: what the IR has no operators for is added here.

Both kinds of nodes work in place on memory that the API owns: accumulators on its gradient buffers, optimizers on its
parameters. That is no arithmetic on values, so it stays out of the IR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import onnx
from onnx import TensorProto, helper

from .emit import CONTRIB, emit
from .ir import DType, Graph
from .training.ort_training import RESET, ApiOptimizer, gradient_name

SEQUENCES: Final = ("params", "gradients", "first_order_moments", "second_order_moments")
"""Inputs of an optimizer model after `learning_rate` and `step`, in the order that the API checks; a model of an
optimizer with one moment has one less."""


def emit_training_model(graph: Graph, trained: Sequence[str], metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The training model: each gradient is added to a buffer that the API owns, or replaces it after a reset.

    For each trained parameter the API expects the input `<parameter>_grad.accumulation.buffer`, and an output
    `<parameter>_grad.accumulation.out` that says it was updated; `lazy_reset_grad` comes last.
    """
    model = emit(graph, metadata=metadata)
    proto, gradients = model.graph, {gradient_name(parameter) for parameter in trained}
    outputs = {output.name: output for output in proto.output}
    del proto.output[:]
    proto.output.extend(output for name, output in outputs.items() if name not in gradients)
    for parameter in trained:
        gradient = gradient_name(parameter)
        buffer, updated = f"{gradient}.accumulation.buffer", f"{gradient}.accumulation.out"
        shape = [dim.dim_value for dim in outputs[gradient].type.tensor_type.shape.dim]
        proto.input.append(helper.make_tensor_value_info(buffer, TensorProto.FLOAT, shape))
        node = helper.make_node(
            "InPlaceAccumulatorV2", [buffer, gradient, RESET], [updated], name=updated, domain=CONTRIB
        )
        proto.node.append(node)
        proto.output.append(helper.make_tensor_value_info(updated, TensorProto.BOOL, [1]))
    proto.input.append(helper.make_tensor_value_info(RESET, TensorProto.BOOL, [1]))
    _require_contrib(model)
    return model


def emit_optimizer_model(optimizer: ApiOptimizer, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The optimizer model: the scheduled rate, clipping, and the kernel that updates all parameters in place."""
    model = emit(optimizer.rate, metadata=metadata)
    proto = model.graph
    del proto.output[:]
    count = 2 + len(optimizer.moments)
    for name in SEQUENCES[:count]:
        proto.input.append(helper.make_tensor_sequence_value_info(name, TensorProto.FLOAT, None))
    gradients = "gradients"
    if optimizer.clip_norm is not None:
        gradients = "clipped"
        proto.node.append(
            helper.make_node(
                "InplaceClipGradNorm",
                ["gradients"],
                [gradients],
                name=gradients,
                domain=CONTRIB,
                max_norm=float(optimizer.clip_norm),
            )
        )
    attributes: dict[str, Any] = dict(optimizer.attributes)
    if optimizer.kernel == "SGDOptimizerV2":
        inputs, shape = ["rate", "params", gradients], []  # ONNX Runtime says its result is a scalar
    else:
        inputs, shape = ["rate", "step", "params", gradients, *SEQUENCES[2:count]], [1]
    proto.node.append(
        helper.make_node(optimizer.kernel, inputs, ["updated"], name="updated", domain=CONTRIB, **attributes)
    )
    proto.output.append(helper.make_tensor_value_info("updated", DType.boolean.code, shape))
    _require_contrib(model)
    return model


def _require_contrib(model: onnx.ModelProto) -> None:
    if CONTRIB not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
