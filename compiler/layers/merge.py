"""Layers that make one value of several: `add`, `multiply`, `concat`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value, shape_text
from ..ops import op
from .base import Layer, LayerContext
from .checks import feature_axis


@Layer.registry.register("add")
@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """The sum of two or more values of the same number of axes; axes of size 1 repeat.

    `add: {from: [block, shortcut]}` closes a residual branch.
    """

    example: ClassVar[str] = """
network:
  - dense: {units: 4, activation: relu, name: block}
  - add: {from: [block, x]}
"""
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        _require_alike(inputs)
        return reduce(lambda a, b: a + b, inputs)


@Layer.registry.register("multiply")
@dataclass(frozen=True, kw_only=True)
class Multiply(Layer):
    """The elementwise product of two or more values of the same number of axes; axes of size 1 repeat."""

    example: ClassVar[str] = """
network:
  - dense: {units: 4, activation: sigmoid, name: gate}
  - multiply: {from: [gate, x]}
"""
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        _require_alike(inputs)
        return reduce(lambda a, b: a * b, inputs)


@Layer.registry.register("concat")
@dataclass(frozen=True, kw_only=True)
class Concat(Layer):
    """Two or more values side by side along one axis; their other axes must agree."""

    example: ClassVar[str] = """
inputs:
  words: [100]
  age: [1]
network:
  - concat: {from: [words, age]}
"""
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    shorthand: ClassVar[str | None] = "axis"
    axis: int = spec_field("The axis that grows; 0 is the batch, negative axes count from the end.", default=-1)

    @property
    def causal(self) -> bool:
        return self.axis == -1

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        axis = feature_axis(self.axis, inputs[0])
        _require_alike(inputs, except_axis=axis)
        return op.Concat(*inputs, axis=axis)


def _require_alike(inputs: tuple[Value, ...], except_axis: int | None = None) -> None:
    """Raise BuildError unless dtypes and shapes agree, except along the axis; without one sizes of 1 fit any."""
    types = " and ".join(str(value.type) for value in inputs)
    if len({value.dtype for value in inputs}) > 1:
        raise BuildError(f"the inputs have different dtypes: {types}")
    shapes = " and ".join(shape_text(value.shape) for value in inputs)
    if len({value.rank for value in inputs}) > 1:
        raise BuildError(f"the inputs have different numbers of axes: {shapes}", "add axes with `reshape`")
    for axis, sizes in enumerate(zip(*(value.shape for value in inputs), strict=True)):
        if axis == except_axis:
            continue
        different = set(sizes) - ({1} if except_axis is None else set())
        if len(different) > 1:
            hint = "bring them to one size, or put them side by side with `concat`" if except_axis is None else None
            raise BuildError(f"the inputs differ in axis {axis}: {shapes}", hint)
