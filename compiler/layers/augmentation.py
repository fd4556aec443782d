"""Images changed at random while training, so that a network learns what does not matter.

Each example is changed on its own. What is drawn is a function of the seed, the step, the layer and the example: a run
repeats and resumes bit for bit. Outside training these layers pass on what they read.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from netwright.schema import spec_field

from .. import random
from ..errors import BuildError
from ..ir import Array, DType, Value, constant, product, shape_text
from ..ops import op
from ..ops.cast import cast
from ..ops.shape_values import shape_value
from ..ops.shapes import reshape
from ..ops.slicing import reverse, take
from .base import Layer, LayerContext
from .checks import require_float, static_sizes


@dataclass(frozen=True, kw_only=True)
class _Augmentation(Layer):
    """A layer over images (batch, …, height, width)."""

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        require_float(x)
        if x.rank < 3:
            raise BuildError(f"needs images (batch, …, height, width), received {shape_text(x.shape)}")
        return self.changed(x, context) if context.training else x

    @abstractmethod
    def changed(self, x: Value, context: LayerContext) -> Value:
        """The images of a training step, in x's shape."""


def _an_example_each(x: Value) -> Value:
    """A value (batch, 1, …) of x's rank, for the extent of one random number an example."""
    for axis in range(1, x.rank):
        x = take(x, axis, 0, 1)
    return x


@Layer.registry.register("random_flip")
@dataclass(frozen=True, kw_only=True)
class RandomFlip(_Augmentation):
    """While training, mirrors each image with a probability: left and right, or top and bottom change places.

    Input and output are (batch, …, height, width).
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - random_flip
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "direction"
    direction: Literal["horizontal", "vertical"] = spec_field(
        "`horizontal` mirrors left and right, `vertical` top and bottom.", default="horizontal"
    )
    probability: float = spec_field("How often.", default=0.5, minimum=0, maximum=1)

    def changed(self, x: Value, context: LayerContext) -> Value:
        axis = x.rank - 1 if self.direction == "horizontal" else x.rank - 2
        chosen = random.bernoulli(context.random_key(), _an_example_each(x), self.probability)
        return op.Where(chosen, reverse(x, [axis]), x)


@Layer.registry.register("random_crop")
@dataclass(frozen=True, kw_only=True)
class RandomCrop(_Augmentation):
    """While training, moves each image by up to `padding` pixels along height and width; zeros fill the gap.

    That is a crop of the image's own size from the image with `padding` zeros around it. Input and output are
    (batch, …, height, width). He et al., Deep Residual Learning for Image Recognition, section 4.2, CVPR 2016.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - random_crop: 4
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "padding"
    padding: int = spec_field("Most pixels to move by.", minimum=1)

    def changed(self, x: Value, context: LayerContext) -> Value:
        height, width = static_sizes(x.shape[-2:], x, "a random crop")
        rows = self._moves(height, x, context.random_key("rows"))
        columns = self._moves(width, x, context.random_key("columns"))
        turned = op.Transpose(columns, perm=(*range(x.rank - 2), x.rank - 1, x.rank - 2))
        return op.MatMul(op.MatMul(rows, x), turned)

    def _moves(self, size: int, x: Value, key: Value) -> Value:
        """For each example the matrix (…, size, size) whose product moves an axis: row i has its 1 at i + move."""
        drawn = op.Floor(random.uniform(key, _an_example_each(x), 0, 2 * self.padding + 1)) - float(self.padding)
        place = np.arange(size, dtype=np.float32)
        return op.Cast(op.Equal(constant(place) - constant(place[:, None]), drawn), to=DType.float32.code)


@Layer.registry.register("random_rotation")
@dataclass(frozen=True, kw_only=True)
class RandomRotation(_Augmentation):
    """While training, turns each image about its centre by an angle uniform in ±`degrees`; zeros fill the corners.

    Input and output are (batch, …, height, width). A pixel of the output lies between four of the input, or outside. As
    `torch.nn.functional.grid_sample` with zeros around the image; Simard, Steinkraus and Platt, Best Practices for
    Convolutional Neural Networks, ICDAR 2003.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - random_rotation: 10
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "degrees"
    degrees: float = spec_field("Largest angle, either way.", exclusive_minimum=0, maximum=180)
    method: Literal["bilinear", "nearest"] = spec_field(
        "`bilinear` weighs the four pixels by their nearness, `nearest` takes one.", default="bilinear"
    )

    def changed(self, x: Value, context: LayerContext) -> Value:
        height, width = static_sizes(x.shape[-2:], x, "a random rotation")
        pixels = reshape(x, (x.shape[0], product(x.shape[1:-2]), height * width))
        angle = random.uniform(
            context.random_key(), _an_example_each(pixels), -math.radians(self.degrees), math.radians(self.degrees)
        )
        sine, cosine = op.Sin(angle), op.Cos(angle)
        middle = (height - 1) / 2, (width - 1) / 2
        grid = np.indices((height, width), np.float32).reshape(2, -1)
        down, across = (constant(axis - np.float32(centre)) for axis, centre in zip(grid, middle, strict=True))
        # where each pixel of the output comes from, (batch, 1, pixels)
        rows = self._neighbours(cosine * down - sine * across + middle[0], height)
        columns = self._neighbours(sine * down + cosine * across + middle[1], width)
        parts = []
        for (row, near_row), (column, near_column) in itertools.product(rows, columns):
            place = op.Expand(row * width + column, shape_value(pixels.shape, pixels))
            parts.append(op.GatherElements(pixels, place, axis=2) * cast(near_row * near_column, x.dtype))
        return reshape(parts[0] if len(parts) == 1 else op.Sum(*parts), x.shape, x)

    def _neighbours(self, place: Value, size: int) -> list[tuple[Value, Value]]:
        """The pixels along an axis that a place between them has its value from: number (int32) and weight (float32),
        which is 0 for those that are not on the image."""
        if self.method == "nearest":
            near = [(op.Floor(place + 0.5), constant(1.0, DType.float32))]
        else:
            before = op.Floor(place)
            near = [(before, 1.0 - (place - before)), (before + 1.0, place - before)]
        found = []
        for pixel, weight in near:
            inside = op.And(op.GreaterOrEqual(pixel, 0.0), op.LessOrEqual(pixel, float(size - 1)))
            number = cast(op.Clip(pixel, np.float32(0), np.float32(size - 1)), DType.int32)
            found.append((number, op.Where(inside, weight, 0.0)))
        return found


@Layer.registry.register("gaussian_noise")
@dataclass(frozen=True, kw_only=True)
class GaussianNoise(Layer):
    """While training, y = x + noise, each number of it normal with mean 0. Any shape. Repeatable, as `dropout` is.

    Bishop, Training with Noise is Equivalent to Tikhonov Regularization, Neural Computation 1995.
    """

    example: ClassVar[str] = "gaussian_noise: 0.1"
    shorthand: ClassVar[str | None] = "standard_deviation"
    standard_deviation: float = spec_field("Standard deviation of the noise.", exclusive_minimum=0)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        require_float(x)
        if not context.training:
            return x
        return x + random.normal(context.random_key(), x, 0.0, self.standard_deviation)


@Layer.registry.register("cutout")
@dataclass(frozen=True, kw_only=True)
class Cutout(_Augmentation):
    """While training, makes a square of each image 0. Its centre is any pixel, so that it may reach over the border.

    Input and output are (batch, …, height, width). DeVries and Taylor, Improved Regularization of Convolutional Neural
    Networks with Cutout, 2017.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - cutout: 8
  - flatten
  - dense: 1
"""
    shorthand: ClassVar[str | None] = "size"
    size: int = spec_field("Side of the square in pixels.", minimum=1)

    def changed(self, x: Value, context: LayerContext) -> Value:
        height, width = static_sizes(x.shape[-2:], x, "a cutout")
        rows = self._inside(np.arange(height, dtype=np.float32)[:, None], x, context.random_key("rows"))
        columns = self._inside(np.arange(width, dtype=np.float32), x, context.random_key("columns"))
        return op.Where(op.And(rows, columns), constant(0.0, x.dtype), x)

    def _inside(self, place: Array, x: Value, key: Value) -> Value:
        """Whether the positions along an axis lie in the square of each example."""
        first = op.Floor(random.uniform(key, _an_example_each(x), 0, place.size)) - float(self.size // 2)
        distance = constant(place) - first
        return op.And(op.GreaterOrEqual(distance, 0.0), op.Less(distance, float(self.size)))
