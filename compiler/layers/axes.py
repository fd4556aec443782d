"""An axis of size one more, or one fewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value, shape_text
from ..ops import op
from .base import Layer, LayerContext
from .checks import feature_axis


@Layer.registry.register("expand_dims")
@dataclass(frozen=True, kw_only=True)
class ExpandDims(Layer):
    """A new axis of size 1: `expand_dims: 1` makes (batch, 1, 28, 28) of (batch, 28, 28), a channel axis for `conv`."""

    example: ClassVar[str] = """
inputs: {image: [28, 28]}
network:
  - expand_dims: 1
  - conv: {filters: 8, kernel_size: 3}
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "axis"
    axis: int = spec_field("Where the axis will be; 0 is the batch, -1 makes it the last.", default=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        axis = self.axis + x.rank + 1 if self.axis < 0 else self.axis
        if not 1 <= axis <= x.rank:
            raise BuildError(
                f"there can be no new axis {self.axis} in {shape_text(x.shape)}",
                f"it may be from 1 to {x.rank}, or -1 for the last",
                ("axis",),
            )
        return op.Unsqueeze(x, [axis])


@Layer.registry.register("squeeze")
@dataclass(frozen=True, kw_only=True)
class Squeeze(Layer):
    """Drop an axis of size 1: `squeeze: 1` makes (batch, 28, 28) of (batch, 1, 28, 28)."""

    example: ClassVar[str] = """
inputs: {image: [1, 28, 28]}
network:
  - squeeze: 1
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "axis"
    axis: int = spec_field("The axis; 0 is the batch, -1 the last axis.", default=-1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        axis = feature_axis(self.axis, x)
        if x.shape[axis] != 1:
            raise BuildError(f"axis {self.axis} of {shape_text(x.shape)} is not of size 1", path=("axis",))
        return op.Squeeze(x, [axis])
