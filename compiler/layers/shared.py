"""An earlier layer applied again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import InternalError
from ..ir import Value
from .base import Layer, LayerContext


@Layer.registry.register("shared")
@dataclass(frozen=True, kw_only=True)
class Shared(Layer):
    """An earlier layer applied to another value, with the same parameters: `shared: {layer: tower, from: right}`.

    The parameters exist once; their gradient is the sum over all uses.
    """

    example: ClassVar[str] = """
inputs:
  left: [16]
  right: [16]
network:
  - dense: {units: 8, name: tower, from: left}
  - shared: {layer: tower, from: right, name: other}
  - concat: {from: [tower, other]}
"""
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    shorthand: ClassVar[str | None] = "layer"
    layer: str = spec_field("Name of the earlier layer.")

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context, inputs
        raise InternalError("a shared layer is built by the network, as the layer it names")
