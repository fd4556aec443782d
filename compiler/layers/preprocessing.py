"""Layers that prepare raw values: they travel inside the model, so an app feeds what it has.

Statistics that are not given are fitted: state of the kind `fitted`, which the runtime fills from the training data
before the first step (the manifest's `fitting` plan), and which is inside `inference.onnx` afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import Values
from ..ir import DType, Value, constant, shape_text, static_shape
from ..ops import op
from ..ops.cast import cast
from .base import Layer, LayerContext, Statistic

Per = Literal["element", "channel", "all"]
PER = "What has statistics of its own: each `element` of an example, each `channel` (the last axis), or `all` together."
NUMBERS = {"type": ["number", "array", "null"]}


@dataclass(frozen=True, kw_only=True)
class _Fitted(Layer):
    """What `normalize` and `min_max` share: statistics given in the spec, or fitted."""

    def statistic(self, context: LayerContext, name: str, given: Any, kind: Statistic, of: Value, per: Per) -> Value:
        """The given numbers, or a fitted state of that name."""
        if given is not None:
            return _given(given, name, of)
        first = {"element": 1, "channel": of.rank - 1, "all": of.rank}[per]
        return context.fitted(name, kind, of, tuple(range(first)))


def _given(numbers: Any, name: str, x: Value) -> Value:
    try:
        value = Values(values=numbers).as_constant()
    except BuildError as error:  # placed under `values`
        raise BuildError(error.message, error.hint, (name, *error.path[1:])) from None
    shape = static_shape(value)
    if len(shape) >= x.rank or any(a not in (1, b) for a, b in zip(shape[::-1], x.shape[::-1], strict=False)):
        raise BuildError(
            f"{shape_text(shape)} numbers do not fit examples of the shape {shape_text(x.shape[1:])}", path=(name,)
        )
    return value


def _nonzero(value: Value) -> Value:
    """1 where a spread is 0, so that a constant column becomes 0 instead of NaN."""
    return op.Where(op.Greater(value, 0), value, constant(1.0, value.dtype))


@Layer.registry.register("normalize")
@dataclass(frozen=True, kw_only=True)
class Normalize(_Fitted):
    """(x - mean) / deviation, with statistics given or fitted on the training data. Constant values become 0.

    `deviation` is the root mean square distance from the mean (the population's standard deviation).
    """

    example: ClassVar[str] = """
inputs:
  image:
    shape: [28, 28, 3]
    preprocess: [{normalize: {per: channel}}]
network: [flatten, {dense: 1}]
"""
    mean: Any = spec_field("Numbers to subtract, fitted unless given.", default=None, schema=NUMBERS)
    deviation: Any = spec_field("Numbers to divide by, fitted unless given.", default=None, schema=NUMBERS)
    per: Per = spec_field(PER, default="element")

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        x = cast(inputs[0], DType.float32)
        centred = x - self.statistic(context, "mean", self.mean, "mean", x, self.per)
        square = centred * centred
        deviation = self.statistic(context, "deviation", self.deviation, "root_mean", square, self.per)
        if deviation.constant is not None and (deviation.constant < 0).any():
            raise BuildError("a deviation is never negative", path=("deviation",))
        return centred / _nonzero(deviation)


@Layer.registry.register("min_max")
@dataclass(frozen=True, kw_only=True)
class MinMax(_Fitted):
    """x scaled from [minimum, maximum], given or fitted on the training data, to [low, high]."""

    example: ClassVar[str] = """
inputs:
  age:
    shape: [1]
    preprocess: [{min_max: {minimum: 0, maximum: 100}}]
"""
    minimum: Any = spec_field("The numbers that become `low`, fitted unless given.", default=None, schema=NUMBERS)
    maximum: Any = spec_field("The numbers that become `high`, fitted unless given.", default=None, schema=NUMBERS)
    low: float = spec_field("The result for the minimum.", default=0.0)
    high: float = spec_field("The result for the maximum.", default=1.0)
    per: Per = spec_field(PER, default="element")

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        x = cast(inputs[0], DType.float32)
        least = self.statistic(context, "minimum", self.minimum, "minimum", x, self.per)
        most = self.statistic(context, "maximum", self.maximum, "maximum", x, self.per)
        if least.constant is not None and most.constant is not None and (least.constant > most.constant).any():
            raise BuildError("the maximum is below the minimum", "exchange the two", ("maximum",))
        return (x - least) * ((self.high - self.low) / _nonzero(most - least)) + self.low


@Layer.registry.register("rescale")
@dataclass(frozen=True, kw_only=True)
class Rescale(Layer):
    """x · scale + offset in float32: `rescale: 0.00392157` makes bytes fractions of 255."""

    example: ClassVar[str] = """
inputs:
  image:
    shape: [28, 28]
    dtype: uint8
    preprocess: [{rescale: 0.00392157}]
network: [flatten, {dense: 1}]
"""
    shorthand: ClassVar[str | None] = "scale"
    scale: float = spec_field("The factor.")
    offset: float = spec_field("Added afterwards.", default=0.0)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        return cast(inputs[0], DType.float32) * self.scale + self.offset


@Layer.registry.register("cast")
@dataclass(frozen=True, kw_only=True)
class Cast(Layer):
    """The value in another element type."""

    example: ClassVar[str] = """
inputs:
  flags:
    shape: [4]
    dtype: bool
    preprocess: [cast]
"""
    shorthand: ClassVar[str | None] = "dtype"
    dtype: Literal["float32", "int64", "int32"] = spec_field("The element type.", default="float32")

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        return cast(inputs[0], DType(self.dtype))


@Layer.registry.register("one_hot")
@dataclass(frozen=True, kw_only=True)
class OneHot(Layer):
    """Class numbers 0 … classes-1 as vectors with a 1 at the class, along a new last axis. Others become all 0."""

    example: ClassVar[str] = """
inputs:
  colour:
    shape: []
    dtype: int64
    preprocess: [{one_hot: 5}]
"""
    shorthand: ClassVar[str | None] = "classes"
    classes: int = spec_field("How many classes there are.", minimum=1, maximum=100_000)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        x = inputs[0]
        if not x.dtype.is_integer:
            raise BuildError(f"one_hot needs class numbers, received {x.type}", "declare the input as int64")
        column = op.Unsqueeze(cast(x, DType.int64), [-1])
        return cast(op.Equal(column, constant(list(range(self.classes)), DType.int64)), DType.float32)
