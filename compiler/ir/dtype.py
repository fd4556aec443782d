"""Element types, by their numpy names; the subset of ONNX's that netwright computes with."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np


class DType(Enum):
    """An element type. `DType("float32")`, `DType.float32.numpy`, `.is_float`."""

    float32 = "float32"
    float64 = "float64"
    float16 = "float16"
    bfloat16 = "bfloat16"
    int64 = "int64"
    int32 = "int32"
    int16 = "int16"
    int8 = "int8"
    uint64 = "uint64"
    uint32 = "uint32"
    uint16 = "uint16"
    uint8 = "uint8"
    boolean = "bool"
    string = "string"

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        if self is DType.bfloat16:
            import ml_dtypes  # onnx depends on it; only half-precision bundles need it

            bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        if self is DType.string:
            return np.dtype(object)
        plain: np.dtype[Any] = np.dtype(self.value)
        return plain

    @property
    def is_float(self) -> bool:
        return self in _FLOATS

    @property
    def is_integer(self) -> bool:
        return self not in _FLOATS and self not in (DType.boolean, DType.string)

    @property
    def code(self) -> int:
        """The element type's number in ONNX (`TensorProto.DataType`), as the attribute `to` of `Cast` wants it."""
        return _CODES[self.value]

    @classmethod
    def of(cls, array: np.ndarray[Any, Any]) -> DType:
        return cls.string if array.dtype.kind in "OTU" else cls(array.dtype.name)

    def __str__(self) -> str:
        return self.value


_FLOATS = frozenset({DType.float32, DType.float64, DType.float16, DType.bfloat16})
_CODES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "string": 8,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
    "bfloat16": 16,
}
