"""The `checkpoint` file of ONNX Runtime's training API: parameters, optimizer state, a flatbuffer.

The format is published as `ort_training_checkpoint.fbs` (and `ort.fbs`, which it includes) in the sources of ONNX
Runtime, onnxruntime/core/flatbuffers/schema; this is written after the schema of release 1.19. A table is read and
written by the numbers of its fields, in the order of the schema, so no generated code and no training wheel is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from flatbuffers import Builder, number_types
from flatbuffers.table import Table
from numpy.typing import NDArray

Array = NDArray[Any]
Property = int | float | str

IDENTIFIER: Final = b"ODTC"
VERSION: Final = 2
GROUP: Final = "group0"
"""The only group of parameters that ONNX Runtime's optimizer knows."""
LARGEST: Final = 2**31 - 2**24
"""Bytes of numbers that one flatbuffer can hold beside its tables: offsets are signed 32-bit integers."""

_DTYPES: Final = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}
_CODES: Final = {name: code for code, name in _DTYPES.items()}

# Numbers of the fields, in the order of the schema.
_VERSION, _MODULE, _OPTIMIZERS, _PROPERTIES = range(4)  # Checkpoint
_TRAINED, _FROZEN = 0, 1  # ModuleState
_GROUP_NAME, _STEP, _RATE, _STATES = 0, 1, 2, 3  # OptimizerGroup
_PARAMETER, _MOMENTS = 0, 1  # ParameterOptimizerState
_NAME, _DIMS, _DTYPE, _DATA = 0, 2, 3, 4  # Tensor
_INTS, _FLOATS, _TEXTS = range(3)  # PropertyBag
_KEY, _VALUE = 0, 1  # IntProperty, FloatProperty, StringProperty


class CheckpointFormatError(Exception):
    """The bytes are no checkpoint of ONNX Runtime's training API, or the state does not fit into one."""


@dataclass(frozen=True)
class OptimizerState:
    """What the optimizer keeps: steps taken, the learning rate it starts with, its tensors by parameter and name.

    ONNX Runtime calls the tensors `momentum0` and `momentum1`: for AdamW the first and second moment m and v, for SGD
    `momentum0`, which its update does not use.
    """

    step: int
    learning_rate: float
    moments: Mapping[str, Mapping[str, Array]]


@dataclass(frozen=True)
class TrainingCheckpoint:
    """The state that `CheckpointState.load_checkpoint` gives: trained and frozen parameters by name, the optimizer, and
    properties: whole numbers (int64), numbers (float32) and text."""

    trained: Mapping[str, Array]
    frozen: Mapping[str, Array]
    optimizer: OptimizerState | None = None
    properties: Mapping[str, Property] = field(default_factory=dict)


def encode_checkpoint(checkpoint: TrainingCheckpoint) -> bytes:
    """The bytes of the file. Raises CheckpointFormatError for a dtype or a size that the format has no room for."""
    size = _size(checkpoint)
    if size > LARGEST:
        raise CheckpointFormatError(f"the state has {size:,} bytes; a checkpoint holds {LARGEST:,}")
    builder = Builder(size + 4096)
    optimizers = _vector(builder, [_group(builder, checkpoint.optimizer)]) if checkpoint.optimizer else 0
    trained, frozen = _tensors(builder, checkpoint.trained), _tensors(builder, checkpoint.frozen)
    properties = _properties(builder, checkpoint.properties)
    module = _table(builder, 4, {_TRAINED: trained, _FROZEN: frozen})
    builder.StartObject(4)
    builder.PrependInt32Slot(_VERSION, VERSION, 0)
    builder.PrependUOffsetTRelativeSlot(_MODULE, module, 0)
    builder.PrependUOffsetTRelativeSlot(_OPTIMIZERS, optimizers, 0)
    builder.PrependUOffsetTRelativeSlot(_PROPERTIES, properties, 0)
    builder.Finish(builder.EndObject(), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def decode_checkpoint(data: bytes) -> TrainingCheckpoint:
    """The state in the bytes of a file. Raises CheckpointFormatError."""
    if data[4:8] != IDENTIFIER:
        raise CheckpointFormatError("not a checkpoint of ONNX Runtime's training API")
    try:
        return _decode(_Reader(data, int.from_bytes(data[:4], "little")))
    except (struct.error, ValueError, IndexError) as error:  # what reading beyond the end, or nonsense, comes to
        raise CheckpointFormatError(f"the checkpoint is damaged: {error}") from error


def _decode(root: _Reader) -> TrainingCheckpoint:
    version = root.number(_VERSION, number_types.Int32Flags)
    if version != VERSION:
        raise CheckpointFormatError(f"the checkpoint has version {version}; version {VERSION} is known")
    module = root.child(_MODULE)
    groups = root.children(_OPTIMIZERS)
    return TrainingCheckpoint(
        dict(tensor.tensor() for tensor in module.children(_TRAINED)) if module else {},
        dict(tensor.tensor() for tensor in module.children(_FROZEN)) if module else {},
        _optimizer(groups[0]) if groups else None,
        _property_values(root.child(_PROPERTIES)),
    )


def _size(checkpoint: TrainingCheckpoint) -> int:
    moments = checkpoint.optimizer.moments.values() if checkpoint.optimizer else ()
    return sum(array.nbytes for group in (checkpoint.trained, checkpoint.frozen, *moments) for array in group.values())


def _group(builder: Builder, optimizer: OptimizerState) -> int:
    states = []
    for parameter, moments in optimizer.moments.items():
        tensors = _tensors(builder, moments)
        states.append(_table(builder, 2, {_PARAMETER: builder.CreateString(parameter), _MOMENTS: tensors}))
    name, vector = builder.CreateString(GROUP), _vector(builder, states)
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(_GROUP_NAME, name, 0)
    builder.PrependInt64Slot(_STEP, optimizer.step, 0)
    builder.PrependFloat32Slot(_RATE, optimizer.learning_rate, 0.0)
    builder.PrependUOffsetTRelativeSlot(_STATES, vector, 0)
    return int(builder.EndObject())


def _properties(builder: Builder, properties: Mapping[str, Property]) -> int:
    found: dict[int, list[int]] = {_INTS: [], _FLOATS: [], _TEXTS: []}
    for name, value in properties.items():
        key = builder.CreateString(name)
        text = builder.CreateString(value) if isinstance(value, str) else 0
        builder.StartObject(2)
        builder.PrependUOffsetTRelativeSlot(_KEY, key, 0)
        if isinstance(value, str):
            builder.PrependUOffsetTRelativeSlot(_VALUE, text, 0)
        elif isinstance(value, int):
            builder.PrependInt64Slot(_VALUE, value, 0)
        else:
            builder.PrependFloat32Slot(_VALUE, value, 0.0)
        kind = _TEXTS if isinstance(value, str) else _INTS if isinstance(value, int) else _FLOATS
        found[kind].append(int(builder.EndObject()))
    return _table(builder, 3, {kind: _vector(builder, offsets) for kind, offsets in found.items()})


def _property_values(bag: _Reader | None) -> dict[str, Property]:
    if bag is None:
        return {}
    values: dict[str, Property] = {p.text(_KEY): p.text(_VALUE) for p in bag.children(_TEXTS)}
    values.update((p.text(_KEY), int(p.number(_VALUE, number_types.Int64Flags))) for p in bag.children(_INTS))
    values.update((p.text(_KEY), float(p.number(_VALUE, number_types.Float32Flags))) for p in bag.children(_FLOATS))
    return values


def _tensors(builder: Builder, arrays: Mapping[str, Array]) -> int:
    return _vector(builder, [_tensor(builder, name, array) for name, array in arrays.items()])


def _tensor(builder: Builder, name: str, array: Array) -> int:
    code = _CODES.get(str(array.dtype))
    if code is None:
        raise CheckpointFormatError(f"'{name}' has the dtype {array.dtype}, which a checkpoint cannot hold")
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    data = builder.CreateNumpyVector(raw) if raw.size else _empty(builder)
    dims = builder.CreateNumpyVector(np.array(array.shape, np.int64)) if array.shape else _empty(builder)
    title = builder.CreateString(name)
    builder.StartObject(6)
    builder.PrependUOffsetTRelativeSlot(_NAME, title, 0)
    builder.PrependUOffsetTRelativeSlot(_DIMS, dims, 0)
    builder.PrependInt32Slot(_DTYPE, code, 0)
    builder.PrependUOffsetTRelativeSlot(_DATA, data, 0)
    return int(builder.EndObject())


def _empty(builder: Builder) -> int:
    builder.StartVector(8, 0, 8)
    return int(builder.EndVector())


def _vector(builder: Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _table(builder: Builder, fields: int, offsets: Mapping[int, int]) -> int:
    builder.StartObject(fields)
    for number, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    return int(builder.EndObject())


def _optimizer(group: _Reader) -> OptimizerState:
    moments = {
        state.text(_PARAMETER): dict(tensor.tensor() for tensor in state.children(_MOMENTS))
        for state in group.children(_STATES)
    }
    step = group.number(_STEP, number_types.Int64Flags)
    return OptimizerState(int(step), float(group.number(_RATE, number_types.Float32Flags)), moments)


class _Reader:
    """A table of a flatbuffer, read by the numbers of its fields."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._table = Table(data, position)

    def number(self, field: int, flags: Any) -> Any:
        place = self._place(field)
        return self._table.Get(flags, place) if place else 0

    def text(self, field: int) -> str:
        place = self._place(field)
        return str(self._table.String(place).decode()) if place else ""

    def child(self, field: int) -> _Reader | None:
        place = self._place(field)
        return _Reader(self._data, self._table.Indirect(place)) if place else None

    def children(self, field: int) -> list[_Reader]:
        start, length = self._elements(field)
        return [_Reader(self._data, self._table.Indirect(start + 4 * i)) for i in range(length)]

    def array(self, field: int, dtype: str, width: int) -> Array:
        """A copy of the numbers in a vector whose elements have `width` bytes."""
        start, length = self._elements(field)
        return np.frombuffer(self._data[start : start + length * width], dtype)

    def tensor(self) -> tuple[str, Array]:
        """This table as a Tensor: its name and its array."""
        name, code = self.text(_NAME), self.number(_DTYPE, number_types.Int32Flags)
        if code not in _DTYPES:
            raise CheckpointFormatError(f"'{name}' has the data type {code}, which is not known here")
        shape = self.array(_DIMS, "int64", 8).tolist()
        return name, self.array(_DATA, _DTYPES[code], 1).reshape(shape)

    def _place(self, field: int) -> int:
        """Where a field lies; 0 when it is absent."""
        offset = int(self._table.Offset(4 + 2 * field))
        return offset + int(self._table.Pos) if offset else 0

    def _elements(self, field: int) -> tuple[int, int]:
        offset = int(self._table.Offset(4 + 2 * field))
        return (int(self._table.Vector(offset)), int(self._table.VectorLen(offset))) if offset else (0, 0)
