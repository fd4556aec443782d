"""Larger images: by repetition, by interpolation, and out of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value, is_static
from ..ops import op
from ..ops.resizing import repeated
from ..ops.shapes import reshape
from .base import Layer, LayerContext
from .checks import static_sizes
from .resize import interpolation_matrix, resampled
from .window_fields import Sizes, an_axis_each, spatial_rank


@Layer.registry.register("upsample")
@dataclass(frozen=True, kw_only=True)
class Upsample(Layer):
    """Images `scale` times as large: (batch, channels, height, width) becomes (batch, channels, height·scale, …).

    `nearest` repeats each pixel. `bilinear` interpolates between pixel centres (`align_corners=False` in PyTorch),
    along one or three axes linearly as well. For any other size, see `resize`.
    """

    example: ClassVar[str] = """
inputs: {image: [8, 7, 7]}
network:
  - upsample: 2
  - conv: {filters: 1, kernel_size: 3, padding: same}
"""
    shorthand: ClassVar[str | None] = "scale"
    scale: Sizes = spec_field("How many times as large. One number, or one for each axis.", minimum=1)
    method: Literal["nearest", "bilinear"] = spec_field("How the pixels in between are made.", default="nearest")

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        scales = an_axis_each(self.scale, x, "scale")
        if self.method == "bilinear":
            return _interpolated(x, scales)
        return repeated(x, scales) if is_static(x.shape[2:]) else _expanded(x, scales)


def _expanded(x: Value, scales: tuple[int, ...]) -> Value:
    """As `repeated`, along axes of any length: each gets one of its own for the repetitions, and is merged with it."""
    apart = op.Unsqueeze(x, [3 + 2 * axis for axis in range(len(scales))])
    spread = op.Expand(apart, [1, 1, *(times for scale in scales for times in (1, scale))])
    merged = (n * scale for n, scale in zip(x.shape[2:], scales, strict=True))
    return reshape(spread, (*x.shape[:2], *merged), x)


def _interpolated(x: Value, scales: tuple[int, ...]) -> Value:
    sizes = static_sizes(x.shape[2:], x, "interpolation")
    pairs = zip(sizes, scales, strict=True)
    return resampled(x, [None if scale == 1 else interpolation_matrix(size, size * scale) for size, scale in pairs])


@Layer.registry.register("pixel_shuffle")
@dataclass(frozen=True, kw_only=True)
class PixelShuffle(Layer):
    """Channels become pixels: (batch, channels·factor², height, width) becomes (batch, channels, height·factor, …).

    The factor² channels in a row are the pixels of one square, row by row. Shi et al., Real-Time Single Image and Video
    Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network, CVPR 2016.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 16, 16]}
network:
  - conv: {filters: 12, kernel_size: 3, padding: same}
  - pixel_shuffle: 2
"""
    shorthand: ClassVar[str | None] = "factor"
    factor: int = spec_field("How many times as large.", minimum=1)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        rank, factor = spatial_rank(x), self.factor
        (channels,) = static_sizes(x.shape[1:2], x, "the channel axis")
        if channels % factor**rank:
            raise BuildError(f"{channels} channels are no multiple of {factor**rank}", path=("factor",))
        kept = channels // factor**rank
        apart = reshape(x, (x.shape[0], kept, *(factor,) * rank, *x.shape[2:]))
        order = [0, 1, *(axis for i in range(rank) for axis in (2 + rank + i, 2 + i))]
        larger = (size * factor for size in x.shape[2:])
        return reshape(op.Transpose(apart, perm=tuple(order)), (x.shape[0], kept, *larger), x)
