"""Images of another size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Array, DType, Value, constant
from ..ops import op
from ..ops.cast import cast
from .base import Layer, LayerContext

LARGEST_MATRIX: Final = 30_000_000
"""Numbers, which the model holds for each axis: from 4,096 to 7,000 pixels."""


@Layer.registry.register("resize")
@dataclass(frozen=True, kw_only=True)
class Resize(Layer):
    """The last two axes, height and width, in another size: `resize: [28, 28]`. Axes before them stay.

    `linear` interpolates between pixel centres, as PyTorch's `interpolate(mode="bilinear")` does; `nearest` takes the
    nearest pixel (`nearest-exact`). Interpolation is a product with a fixed matrix for each axis, so it runs and
    differentiates wherever products do. Shrinking skips pixels; average them with pooling where that matters.
    """

    example: ClassVar[str] = """
inputs:
  image: [32, 32]
network:
  - resize: [28, 28]
"""
    shorthand: ClassVar[str | None] = "size"
    size: tuple[int, ...] = spec_field(
        "New height and width.",
        schema={"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
    )
    method: Literal["linear", "nearest"] = spec_field("How pixels in between are made.", default="linear")

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        x = inputs[0]
        height, width = x.shape[-2:] if x.rank >= 3 else ("", "")
        if not isinstance(height, int) or not isinstance(width, int):
            raise BuildError(
                f"needs images of a fixed size, received {x.type}", "the last two axes are height and width"
            )
        if self.method == "nearest":
            rows, columns = _nearest(height, self.size[0]), _nearest(width, self.size[1])
            return op.Gather(op.Gather(x, constant(rows), axis=x.rank - 2), constant(columns), axis=x.rank - 1)
        x = cast(x, DType.float32)
        down, across = interpolation_matrix(height, self.size[0]), interpolation_matrix(width, self.size[1])
        return op.MatMul(constant(down), op.MatMul(x, constant(np.ascontiguousarray(across.T))))


def _nearest(length: int, size: int) -> Array:
    """The pixel whose area holds the centre of each new pixel. Raises BuildError for more pixels than an image has."""
    require_sensible(length, size)
    return np.floor((np.arange(size) + 0.5) * length / size).astype(np.int64)


def interpolation_matrix(length: int, size: int) -> Array:
    """The matrix [size, length] that interpolates linearly between pixel centres; beyond the outer ones they repeat.

    Raises BuildError for a matrix larger than any image makes.
    """
    require_sensible(length, size)
    centre = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    low = np.floor(centre).astype(np.int64)
    matrix = np.zeros((size, length), np.float32)
    rows = np.arange(size)
    np.add.at(matrix, (rows, low), 1 - (centre - low))
    np.add.at(matrix, (rows, np.minimum(low + 1, length - 1)), centre - low)
    return matrix


def require_sensible(length: int, size: int) -> None:
    """Raises BuildError for a matrix larger than any image makes."""
    if length * size > LARGEST_MATRIX:
        raise BuildError(
            f"from {length:,} to {size:,} pixels takes a matrix of {length * size:,} numbers; "
            f"the most is {LARGEST_MATRIX:,}",
            "choose a smaller size",
        )


def resampled(x: Value, matrices: Sequence[Array | None]) -> Value:
    """Each axis after the channels times its matrix [new size, size], or as it is; that axis is moved to the end."""
    for axis, matrix in enumerate(matrices, start=2):
        if matrix is None:
            continue
        if axis == x.rank - 2:
            x = op.MatMul(constant(matrix), x)
            continue
        last = (*(other for other in range(x.rank) if other != axis), axis)
        back = tuple(int(position) for position in np.argsort(last))
        moved = op.MatMul(op.Transpose(x, perm=last), constant(np.ascontiguousarray(matrix.T)))
        x = op.Transpose(moved, perm=back)
    return x
