"""IR graphs to ONNX models."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..errors import InternalError
from ..ir import OPSET, DType, Graph, Node, SymbolicDim, Value, find
from ..ir.names import assign_names, unique_names
from ..ir.value import Array, Attribute

IR_VERSION: Final = 10  # the ONNX IR version of opset 21
CONTRIB: Final = "com.microsoft"
OURS: Final = ("captures", "recompute")
"""Attributes of loops that ONNX does not know: how many trailing inputs the body takes from around the node, and how
the loop is differentiated."""


def emit(
    graph: Graph, *, initializers: Mapping[str, Array] | None = None, metadata: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The ONNX model of a graph.

    Inputs named in `initializers` become weights inside the model (arrays of the input's dtype and shape) instead of
    inputs. Operators and attributes are ONNX's already; what is left to do here is naming, turning constants into
    initializers, and an `Identity` where an output is also an input or has two names.
    """
    weights = dict(initializers or {})
    names = assign_names(graph)
    model = onnx.ModelProto(ir_version=IR_VERSION, producer_name="netwright")
    model.opset_import.append(helper.make_opsetid("", OPSET))
    if CONTRIB in _domains(graph):
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    _fill(model.graph, graph, weights, names)
    helper.set_model_props(model, {**graph.metadata, **(metadata or {})})
    return model


def _domains(graph: Graph) -> set[str]:
    """The operator domains of the graph and of the bodies in it."""
    bodies = [body for node in graph.nodes() for body in node.attributes.values() if isinstance(body, Graph)]
    return {node.domain for node in graph.nodes()}.union(*(_domains(body) for body in bodies))


def _fill(proto: onnx.GraphProto, graph: Graph, weights: Mapping[str, Array], names: Mapping[Value, str]) -> None:
    """Write a graph into the place of a model where it belongs: a message that is put into another one is copied, and
    weights may be hundreds of megabytes."""
    proto.name = graph.name
    for value in graph.inputs:
        if value.name in weights:
            _set_weight(proto.initializer.add(), value, weights[value.name])
        else:
            proto.input.append(_value_info(names[value], value))
    _add_nodes(proto, graph, names, frozenset())
    for name, value in graph.outputs.items():
        if names[value] != name:
            proto.node.append(helper.make_node("Identity", [names[value]], [name], name=f"{name}/Identity"))
        proto.output.append(_value_info(name, value))


def _add_nodes(proto: onnx.GraphProto, graph: Graph, names: Mapping[Value, str], visible: frozenset[Value]) -> None:
    """The nodes and constants of a graph; those `visible` are constants that a graph around this one has already."""
    read = {value for node in graph.nodes() for value in node.given_inputs}.union(graph.outputs.values())
    constants = [node.outputs[0] for node in graph.nodes() if node.op_type == "Constant"]
    for value in constants:
        if value not in visible:
            proto.initializer.append(numpy_helper.from_array(_array(value), names[value]))
    for node in graph.nodes():
        if node.op_type != "Constant":
            proto.node.append(_node(node, names, visible.union(constants), read))


def _body(
    body: Graph, names: Mapping[Value, str], captured: Mapping[Value, Value], visible: frozenset[Value]
) -> onnx.GraphProto:
    """The graph of an attribute. ONNX finds captured values by name in the graph around it, and tells outputs apart by
    their position, so they need no public names: an `Identity` is left for those that no node of the body makes."""
    names = {**names, **{formal: names[actual] for formal, actual in captured.items()}}
    proto = onnx.GraphProto(name=body.name)
    proto.input.extend(_value_info(names[value], value) for value in body.inputs if value not in captured)
    _add_nodes(proto, body, names, visible)
    taken = set(names.values())
    listed: set[str] = set()
    for name, value in body.outputs.items():
        public = names[value]
        if value.node is None or value.constant is not None or public in listed:
            public = next(unique_names(taken, f"{names[value]}/{name}"))
            proto.node.append(helper.make_node("Identity", [names[value]], [public], name=public))
            taken.add(public)
        listed.add(public)
        proto.output.append(_value_info(public, value))
    return proto


def _node(node: Node, names: Mapping[Value, str], visible: frozenset[Value], read: Set[Value]) -> onnx.NodeProto:
    # Bodies name their captured values as the node names its trailing inputs; those are no inputs in ONNX.
    captured = {name: _captured(node, body) for name, body in node.attributes.items() if isinstance(body, Graph)}
    count = len(node.inputs) - max((len(values) for values in captured.values()), default=0)
    proto = helper.make_node(
        node.op_type,
        ["" if value is None else names[value] for value in node.inputs[:count]],
        [names[output] for output in _wanted(node, read)],
        name=names[node.outputs[0]],
        domain=node.domain,
    )
    for name, attribute in sorted(node.attributes.items()):
        if name in OURS:
            continue
        if isinstance(attribute, Graph):
            proto.attribute.append(helper.make_attribute(name, _body(attribute, names, captured[name], visible)))
        else:
            proto.attribute.append(_attribute(name, attribute))
    return proto


def _wanted(node: Node, read: Set[Value]) -> tuple[Value, ...]:
    """The outputs without the last ones that are optional and not read: kernels are often faster without."""
    outputs = node.outputs
    for _ in range(find(node.op_type, node.domain).optional_outputs):
        if outputs[-1] not in read:
            outputs = outputs[:-1]
    return outputs


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


def _array(value: Value) -> Array:
    array = value.constant
    if array is None:
        raise InternalError(f"{value!r} holds no array")
    return array


def _set_weight(proto: onnx.TensorProto, value: Value, array: Array) -> None:
    if DType.of(array) is not value.dtype or array.shape != value.shape:
        raise InternalError(f"the weight for {value!r} has the type {array.dtype}{array.shape}")
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    proto.name, proto.data_type, proto.raw_data = value.name, value.dtype.code, little_endian.tobytes()
    proto.dims.extend(array.shape)


def _value_info(name: str, value: Value) -> onnx.ValueInfoProto:
    dims: list[Any] = [str(dim) if isinstance(dim, SymbolicDim) else dim for dim in value.shape]
    return helper.make_tensor_value_info(name, value.dtype.code, dims)
