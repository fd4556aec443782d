"""More and less of an image at its borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value, constant, shape_text
from ..ops import op
from ..ops.slicing import take
from .base import Layer, LayerContext
from .window_fields import AMOUNTS, Sizes, both_sides


@Layer.registry.register("zero_pad")
@dataclass(frozen=True, kw_only=True)
class ZeroPad(Layer):
    """Zeros around the axes after the channels, height and width of (batch, channels, height, width)."""

    example: ClassVar[str] = """
inputs: {image: [1, 28, 28]}
network:
  - zero_pad: 2
  - conv: {filters: 6, kernel_size: 5}
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "padding"
    padding: Sizes = spec_field("How many. " + AMOUNTS, minimum=0)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        return _pad(inputs[0], both_sides(self.padding, inputs[0], "padding"), "constant")


@Layer.registry.register("reflect_pad")
@dataclass(frozen=True, kw_only=True)
class ReflectPad(Layer):
    """The image mirrored at its border pixels: [1, 2, 3] padded by 2 is [3, 2, 1, 2, 3, 2, 1].

    (batch, channels, height, width) becomes (batch, channels, more, more); at most size − 1 on each side.
    """

    example: ClassVar[str] = """
inputs: {image: [1, 28, 28]}
network:
  - reflect_pad: 1
  - conv: {filters: 6, kernel_size: 3}
  - global_average_pool
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "padding"
    padding: Sizes = spec_field("How many. " + AMOUNTS, minimum=0)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        amounts = both_sides(self.padding, x, "padding")
        for size, sides in zip(x.shape[2:], amounts, strict=True):
            if isinstance(size, int) and max(sides) >= size:
                raise BuildError(
                    f"an axis of {size} can be mirrored by {size - 1} at most, received {max(sides)}", path=("padding",)
                )
        return _pad(x, amounts, "reflect")


def _pad(x: Value, amounts: list[tuple[int, int]], mode: str) -> Value:
    before, after = [side[0] for side in amounts], [side[1] for side in amounts]
    return op.Pad(x, constant(np.array([0, 0, *before, 0, 0, *after])), mode=mode)


@Layer.registry.register("crop")
@dataclass(frozen=True, kw_only=True)
class Crop(Layer):
    """Rows and columns cut off the borders, of (batch, channels, height, width)."""

    example: ClassVar[str] = """
inputs: {image: [3, 36, 36]}
network:
  - crop: [2, 2, 4, 0]
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "amount"
    amount: Sizes = spec_field("How many. " + AMOUNTS, minimum=0)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        for axis, (before, after) in enumerate(both_sides(self.amount, x, "amount"), start=2):
            size = x.shape[axis]
            if isinstance(size, int) and before + after >= size:
                raise BuildError(
                    f"{before + after} cut off axis {axis} of {shape_text(x.shape)} leave nothing", path=("amount",)
                )
            x = take(x, axis, before, size - (before + after))
        return x
