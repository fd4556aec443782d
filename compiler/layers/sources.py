"""Layers that read nothing: `parameter` and `constant`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netwright.schema import spec_field

from ..initializers import GlorotUniform, Initializer, Values
from ..ir import Value
from .base import Layer, LayerContext


@dataclass(frozen=True, kw_only=True)
class _Source(Layer):
    arity: ClassVar[tuple[int, int | None]] = (0, 0)

    @property
    def causal(self) -> bool:
        return True

    @classmethod
    def reads(cls, arguments: Any) -> tuple[str, ...] | None:
        del arguments
        return ()


@Layer.registry.register("parameter")
@dataclass(frozen=True, kw_only=True)
class Parameter(_Source):
    """A trainable tensor of its own, for formulas: `parameter: {name: w, shape: [2]}`. It has no batch axis.

    In the state it is called `<name>/value`.
    """

    example: ClassVar[str] = """
network:
  - parameter: {name: w, shape: [4]}
  - expression: sum(w * x)
"""
    shorthand: ClassVar[str | None] = "shape"
    shape: tuple[int, ...] = spec_field(
        "Size of each axis; [] is a single number.",
        schema={"type": "array", "items": {"type": "integer", "minimum": 1}},
    )
    initializer: Initializer = spec_field("First values.", default_factory=GlorotUniform)
    regularized: bool = spec_field("Whether L1 and L2 apply to it.", default=True)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del inputs
        fan_in = self.shape[0] if self.shape else 1
        fan_out = self.shape[-1] if self.shape else 1
        return context.parameter(
            "value", self.shape, self.initializer, fan_in=fan_in, fan_out=fan_out, regularized=self.regularized
        )


@Layer.registry.register("constant")
@dataclass(frozen=True, kw_only=True)
class Constant(_Source):
    """Fixed numbers written in the spec: `constant: {name: kernel, values: [[0, 1], [1, 0]]}`. No batch axis."""

    example: ClassVar[str] = """
network:
  - constant: {name: sums, values: [[1, 0], [1, 0], [0, 1], [0, 1]]}
  - expression: x @ sums
"""
    shorthand: ClassVar[str | None] = "values"
    values: Any = spec_field("Nested lists of numbers, or one number.", schema={"type": ["array", "number"]})

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context, inputs
        return Values(values=self.values).as_constant()
