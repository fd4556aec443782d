"""Vectors for words, categories and other whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import Initializer, Normal
from ..ir import DType, Value
from ..ops import op
from .base import Layer, LayerContext


@Layer.registry.register("embedding")
@dataclass(frozen=True, kw_only=True)
class Embedding(Layer):
    """A learned vector for each of `vocabulary` whole numbers: y = weight[x].

    | | shape |
    |---|---|
    | input | (batch, …), int64 or int32, 0 … vocabulary − 1 |
    | output | (batch, …, units) |
    | `weight` | (vocabulary, units) |

    Only the rows that occur in a batch get a gradient. `flatten` after it puts the vectors of several words side by
    side. netwright refuses numbers out of range where they enter the model; in a host of your own ONNX Runtime's CPU
    provider refuses them too (but counts −1 from the end), while its CUDA provider checks nothing.

    Bengio et al., A Neural Probabilistic Language Model, JMLR 2003.
    """

    example: ClassVar[str] = """
inputs: {words: {shape: [3], dtype: int64}}
network:
  - embedding: {vocabulary: 1000, units: 16}
  - flatten
  - dense: 1
"""
    vocabulary: int = spec_field("How many numbers there are: 0 … vocabulary − 1.", minimum=1)
    units: int = spec_field("Length of each vector.", minimum=1)
    weight_initializer: Initializer = spec_field(
        "First values of `weight`; `normal` with standard deviation 0.05 unless given.", default_factory=Normal
    )

    @property
    def index_limit(self) -> int | None:
        return self.vocabulary

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        if x.dtype not in (DType.int64, DType.int32):
            raise BuildError(
                f"needs whole numbers of dtype int64 or int32, received {x.type}",
                "declare the input as {shape: […], dtype: int64}",
            )
        weight = context.parameter(
            "weight",
            (self.vocabulary, self.units),
            self.weight_initializer,
            fan_in=self.vocabulary,
            fan_out=self.units,
            regularized=True,
        )
        return op.Gather(weight, x)
