"""The class with the largest number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BuildError
from ..ir import Value
from ..ops import op
from .base import Layer, LayerContext
from .checks import require_float


@Layer.registry.register("argmax")
@dataclass(frozen=True, kw_only=True)
class ArgMax(Layer):
    """Which number of the last axis is the largest, the first of equal ones: (batch, …, classes) becomes (batch, …),
    int64. For outputs, as it has no gradient.

    An output that is the `argmax` of the very value that a loss compares with a target of `data.tokens` is text:
    `netwright predict` writes its tokens, such as the tags of a sentence, in CSV and JSON.
    """

    example: ClassVar[str] = """
network:
  - dense: {units: 3, name: logits}
outputs:
  kind: {argmax: {from: logits}}
"""

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        require_float(x)
        if x.rank < 2:
            raise BuildError(f"needs a number for each class on the last axis, received {x.type}")
        return op.ArgMax(x, axis=-1, keepdims=0)
