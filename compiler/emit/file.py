"""The file of a model with weights, part by part: every weight is written as it is made, and none is copied.

A model that holds its weights takes them three times over while it is written: as arrays, in the message, and in the
bytes of the file. For a deep network that is a gigabyte, and a quarter of the time that compiling takes.

The format is protobuf's (https://protobuf.dev/programming-guides/encoding): a message in a message is the number of its
field, its length, and its own bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
import onnx

from ..errors import InternalError
from ..ir import DType, Graph, Value
from ..ir.value import Array, static_shape
from .writer import emit

_LENGTH_DELIMITED = 2
"""The wire type of messages and bytes."""


def file_parts(
    graph: Graph, weights: Collection[str], make: Callable[[str], Array], metadata: Mapping[str, str]
) -> Iterator[bytes | memoryview]:
    """The bytes of the model of a graph, in order. The inputs named in `weights`, all of static shape, are initializers
    instead, each with the array of the input's dtype and shape that `make` returns for its name.

    Raises InternalError where an array is of another type.
    """
    names = set(weights)
    held = [value for value in graph.inputs if value.name in names]
    model = emit(graph, metadata=metadata)
    inputs = [item for item in model.graph.input if item.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    inside = model.graph.SerializeToString(deterministic=True)
    model.ClearField("graph")
    heads = [_head(value) for value in held]
    yield model.SerializeToString(deterministic=True)
    length = len(inside) + sum(len(head) + _size(value) for head, value in zip(heads, held, strict=True))
    yield _field(onnx.ModelProto, "graph", length) + inside
    for head, value in zip(heads, held, strict=True):
        yield head
        yield _bytes(value, make(value.name))


def _head(value: Value) -> bytes:
    """An initializer up to its numbers."""
    tensor = onnx.TensorProto(name=value.name, data_type=value.dtype.code, dims=static_shape(value))
    start: bytes = tensor.SerializeToString(deterministic=True) + _field(onnx.TensorProto, "raw_data", _size(value))
    return _field(onnx.GraphProto, "initializer", len(start) + _size(value)) + start


def _size(value: Value) -> int:
    return math.prod(static_shape(value)) * value.dtype.numpy.itemsize


def _bytes(value: Value, array: Array) -> memoryview:
    """The numbers of a weight, little-endian as ONNX wants them."""
    if DType.of(array) is not value.dtype or array.shape != value.shape:
        raise InternalError(f"the weight for {value!r} has the type {array.dtype}{array.shape}")
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.astype(flat.dtype.newbyteorder("<"), copy=False).view(np.uint8).data


def _field(message: type[onnx.ModelProto | onnx.GraphProto | onnx.TensorProto], name: str, length: int) -> bytes:
    """What comes before the `length` bytes of a field."""
    number = message.DESCRIPTOR.fields_by_name[name].number
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
