"""Images changed at random while training, so that a network learns what does not matter.

Each example is changed on its own. What is drawn is a function of the seed, the step, the layer and the example: a run
repeats and resumes bit for bit. Outside training these layers pass on what they read.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from netwright.schema import spec_field

from .. import random
from ..errors import BuildError
from ..ir import Array, DType, Value, constant, shape_text
from ..ops import op
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
