"""Graphs as text: the same graph gives the same text in every run. For golden tests and `netwright show --graph`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from .dtype import DType
from .graph import Graph
from .names import assign_names
from .operator import OPERATORS
from .value import Array, Node, TensorType, Value

_SHOWN: Final = 8
"""Constants of at most so many elements are written out; of larger ones the first few and a checksum."""


def to_text(graph: Graph) -> str:
    """The graph's inputs, nodes in order and outputs, with types; constants stand where they are used.

    graph step
      inputs
        image: float32(batch, 64)
      nodes
        Add: float32(batch, 64) = Add(image, 0.5)
      outputs
        shifted = Add
    """
    return "\n".join(_graph_lines(graph, assign_names(graph), "")) + "\n"


def _graph_lines(graph: Graph, names: Mapping[Value, str], indent: str) -> Iterator[str]:
    yield f"{indent}graph {graph.name}"
    yield f"{indent}  inputs"
    for value in graph.inputs:
        yield f"{indent}    {names[value]}: {value.type}"
    yield f"{indent}  nodes"
    for node in graph.nodes():
        if node.op_type != "Constant":
            yield from _node_lines(node, names, indent + "    ")
    yield f"{indent}  outputs"
    for name, value in graph.outputs.items():
        text = operand_text(value, names)
        yield f"{indent}    {name}" if text == name else f"{indent}    {name} = {text}"


def _node_lines(node: Node, names: Mapping[Value, str], indent: str) -> Iterator[str]:
    results = ", ".join(f"{names[output]}: {output.type}" for output in node.outputs)
    yield f"{indent}{results} = {call_text(node, names)}"
    for name, attribute in sorted(node.attributes.items()):
        if isinstance(attribute, Graph):
            yield f"{indent}  {name}:"
            yield from _graph_lines(attribute, names, indent + "    ")


def call_text(node: Node, names: Mapping[Value, str]) -> str:
    """`Softmax(x, axis=1)`: operator, operands, and the attributes that are not the default."""
    operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    operands = ["_" if value is None else operand_text(value, names) for value in node.inputs]
    return f"{operator}({', '.join([*operands, *_attribute_texts(node)])})"


def _attribute_texts(node: Node) -> Iterator[str]:
    record = OPERATORS.get((node.domain, node.op_type))
    defaults = record.attributes if record else {}
    for name, value in sorted(node.attributes.items()):
        if not isinstance(value, Graph) and not _equal(value, defaults.get(name)):
            yield f"{name}={constant_text(value) if isinstance(value, np.ndarray) else _plain(value)}"


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and bool(a == b)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def operand_text(value: Value, names: Mapping[Value, str]) -> str:
    """A value's name, or the array of a constant."""
    array = value.constant
    return names[value] if array is None else constant_text(array)


def constant_text(array: Array) -> str:
    """`0.5`, `[0, -1]`, `float32(784, 10)[0.12, -0.03, 0.4, …] #5f3a9c01`.

    float32, int64 and bool are told apart by how numbers look; other element types, and shapes that the brackets do
    not show, are written in front. The checksum is the CRC-32 of the elements' little-endian bytes.
    """
    dtype = DType.of(array)
    type_text = str(TensorType(dtype, array.shape))
    if array.size > _SHOWN:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        return f"{type_text}[{_numbers(array.reshape(-1)[:3])}, …] #{zlib.crc32(little.tobytes()):08x}"
    plain = dtype in (DType.float32, DType.int64, DType.boolean)
    if array.ndim == 0:
        return _numbers(array.reshape(1)) if plain else f"{dtype}({_numbers(array.reshape(1))})"
    numbers = f"[{_numbers(array.reshape(-1))}]"
    return numbers if plain and array.ndim == 1 and array.size else type_text + numbers


def _numbers(vector: Array) -> str:
    return ", ".join(_number(number) for number in vector.tolist())


def _number(number: Any) -> str:
    if isinstance(number, bool):
        return "true" if number else "false"
    if isinstance(number, int):
        return str(number)
    text = f"{float(number):.6g}"
    return text if any(letter in text for letter in ".en") else f"{text}.0"
