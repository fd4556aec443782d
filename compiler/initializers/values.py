"""Numbers written in the spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import DType, Value, constant, shape_text
from .base import Initializer
from .constant import filled

_LARGEST: Final = float(np.finfo(np.float32).max)


@Initializer.registry.register("values")
@dataclass(frozen=True, kw_only=True)
class Values(Initializer):
    """The numbers given, as nested lists in the tensor's shape: `values: [[1, -2], [-1, 1]]`. One number fills it.

    The `weight` of a dense layer has a row for each input and a column for each unit.
    """

    example: ClassVar[str] = """
inputs:
  x: [2]
network:
  - dense: {units: 3, weight_initializer: {values: [[1, 2, 0], [-1, 0, 1]]}}
"""
    shorthand: ClassVar[str | None] = "values"
    values: Any = spec_field(
        "Nested lists of numbers in the shape of the tensor, or one number.", schema={"type": ["array", "number"]}
    )

    def as_constant(self) -> Value:
        """The numbers in the shape they are written in. Raises BuildError where they do not form a tensor."""
        return self._tensor(_shape_of(self.values))

    def _tensor(self, shape: tuple[int, ...]) -> Value:
        return constant(np.array(self.values, dtype=np.float32).reshape(shape), DType.float32)

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del key, fan_in, fan_out
        given = _shape_of(self.values)
        if given == ():
            return filled(float(self.values), shape)
        if given != shape:
            turned = given[::-1] == shape
            raise BuildError(
                f"the values have the shape {shape_text(given)}, but {shape_text(shape)} is needed",
                "write them transposed: a row for each input, a column for each unit" if turned else None,
                ("values",),
            )
        return self._tensor(shape)


def _shape_of(values: Any, path: tuple[str | int, ...] = ("values",)) -> tuple[int, ...]:
    """The shape of nested lists. Raises BuildError where lists differ in shape or hold something else than numbers."""
    if isinstance(values, (int, float)) and not isinstance(values, bool):
        if not abs(values) <= _LARGEST:  # neither is NaN
            raise BuildError(f"must be a number that float32 holds, received {values!r}", "it holds up to 3.4e38", path)
        return ()
    if not isinstance(values, (list, tuple)):
        raise BuildError(f"must be a number, received {values!r}", path=path)
    shapes = [_shape_of(item, (*path, index)) for index, item in enumerate(values)]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise BuildError(
                f"has the shape {shape_text(shape)}, but the first entry of the same list has {shape_text(shapes[0])}",
                "all rows need the same length",
                (*path, index),
            )
    return (len(values), *(shapes[0] if shapes else ()))
