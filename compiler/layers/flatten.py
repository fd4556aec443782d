"""All axes but the batch as one."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir import Value, product
from ..ops.shapes import reshape
from .base import Layer, LayerContext
from .checks import require_batch


@Layer.registry.register("flatten")
@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """(batch, a, b, …) becomes (batch, a·b·…), the last axis running fastest; (batch) becomes (batch, 1)."""

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        require_batch(x)
        return reshape(x, (x.shape[0], product(x.shape[1:])))
