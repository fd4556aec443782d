"""A formula over named values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..expressions import parse
from ..ir import Value
from .base import Layer, LayerContext


@Layer.registry.register("expression")
@dataclass(frozen=True, kw_only=True)
class Expression(Layer):
    """A formula over named values: `expression: (a * b + 1) * (a * b + 2)`.

    It has numbers, names, `+ - * / ** @`, comparisons, `a if condition else b`, and functions such as `sigmoid`, `sum`
    and `grad`; shapes broadcast as in numpy. It reads the values that it names, so it takes no `from`.
    """

    example: ClassVar[str] = """
inputs:
  a: []
  b: []
network:
  - expression: (a * b + 1) * (a * b + 2)
"""
    arity: ClassVar[tuple[int, int | None]] = (0, None)
    shorthand: ClassVar[str | None] = "formula"
    formula: str = spec_field("The formula.")

    @classmethod
    def reads(cls, arguments: Any) -> tuple[str, ...] | None:
        formula = arguments.get("formula") if isinstance(arguments, Mapping) else arguments
        if not isinstance(formula, str):
            return ()
        try:
            return parse(formula).names
        except BuildError:  # reported when the layer is made
            return ()

    def __post_init__(self) -> None:
        parse(self.formula)

    @property
    def causal(self) -> bool:
        return parse(self.formula).is_elementwise

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        formula = parse(self.formula)
        return formula.build(dict(zip(formula.names, inputs, strict=True)))
