"""IR graphs to ONNX models. The only module of the compiler that imports `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .errors import InternalError
from .ir import OPSET, DType, Graph, Node, SymbolicDim, Value
from .ir.names import assign_names
from .ir.value import Array, Attribute

IR_VERSION: Final = 10  # the ONNX IR version of opset 21
CONTRIB: Final = "com.microsoft"


def emit(
    graph: Graph, *, initializers: Mapping[str, Array] | None = None, metadata: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The ONNX model of a graph.

    Inputs named in `initializers` become weights inside the model (arrays of the input's dtype and shape) instead of
    inputs. Operators and attributes are ONNX's already; what is left to do here is naming, turning constants into
    initializers, and an `Identity` where an output is also an input or has two names.
    """
    weights = dict(initializers or {})
    proto = _graph(graph, weights)
    opsets = [helper.make_opsetid("", OPSET)]
    if any(node.domain == CONTRIB for node in proto.node):
        opsets.append(helper.make_opsetid(CONTRIB, 1))
    model = helper.make_model(proto, opset_imports=opsets, ir_version=IR_VERSION, producer_name="netwright")
    helper.set_model_props(model, {**graph.metadata, **(metadata or {})})
    return model


def _graph(graph: Graph, weights: Mapping[str, Array], outer: Mapping[Value, str] | None = None) -> onnx.GraphProto:
    names = {**assign_names(graph), **(outer or {})}
    proto = onnx.GraphProto(name=graph.name)
    for value in graph.inputs:
        if outer and value in outer:
            continue  # a body's captured value: ONNX finds it in the outer scope by name
        if value.name in weights:
            proto.initializer.append(_weight(value, weights[value.name]))
        else:
            proto.input.append(_value_info(names[value], value))
    for node in graph.nodes():
        if node.op_type == "Constant":
            proto.initializer.append(numpy_helper.from_array(_array(node), names[node.outputs[0]]))
        else:
            proto.node.append(_node(node, names))
    for name, value in graph.outputs.items():
        if names[value] != name:
            proto.node.append(helper.make_node("Identity", [names[value]], [name], name=f"{name}/Identity"))
        proto.output.append(_value_info(name, value))
    return proto


def _node(node: Node, names: Mapping[Value, str]) -> onnx.NodeProto:
    # Bodies name their captured values as the node names its trailing inputs; those are no inputs in ONNX.
    captured = {name: _captured(node, body) for name, body in node.attributes.items() if isinstance(body, Graph)}
    count = len(node.inputs) - max((len(values) for values in captured.values()), default=0)
    proto = helper.make_node(
        node.op_type,
        ["" if value is None else names[value] for value in node.inputs[:count]],
        [names[output] for output in node.outputs],
        name=names[node.outputs[0]],
        domain=node.domain,
    )
    for name, attribute in sorted(node.attributes.items()):
        if name == "captures":
            continue  # ours: how many trailing inputs the bodies take from around the node
        if isinstance(attribute, Graph):
            outer = {formal: names[actual] for formal, actual in captured[name].items()}
            proto.attribute.append(helper.make_attribute(name, _graph(attribute, {}, outer)))
        else:
            proto.attribute.append(_attribute(name, attribute))
    return proto


def _captured(node: Node, body: Graph) -> dict[Value, Value]:
    """Formal -> actual for the values a body takes from around its node: those beyond the operator's own inputs.

    The operator says how many inputs its body has without them in the attribute `captures`.
    """
    count = node.attribute("captures") if "captures" in node.attributes else 0
    if not count:
        return {}
    actuals = [value for value in node.inputs[-count:] if value is not None]
    return dict(zip(body.inputs[-count:], actuals, strict=True))


def _attribute(name: str, value: Attribute) -> onnx.AttributeProto:
    if isinstance(value, np.ndarray):
        return helper.make_attribute(name, numpy_helper.from_array(value))
    if isinstance(value, tuple):
        kind = onnx.AttributeProto.INTS if not value or isinstance(value[0], int) else None
        return helper.make_attribute(name, list(value), attr_type=kind)
    return helper.make_attribute(name, value)


def _array(node: Node) -> Array:
    array = node.attribute("value")
    if not isinstance(array, np.ndarray):
        raise InternalError(f"the constant {node!r} holds no array")
    return array


def _weight(value: Value, array: Array) -> onnx.TensorProto:
    if DType.of(array) is not value.dtype or array.shape != value.shape:
        raise InternalError(f"the weight for {value!r} has the type {array.dtype}{array.shape}")
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), value.name)


def _value_info(name: str, value: Value) -> onnx.ValueInfoProto:
    dims: list[Any] = [str(dim) if isinstance(dim, SymbolicDim) else dim for dim in value.shape]
    return helper.make_tensor_value_info(name, value.dtype.code, dims)
