"""Layers in which every step of a sequence reads those before it, and perhaps another sequence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Value
from .base import Layer, LayerContext
from .checks import require_one_of_mask_and_lengths
from .recurrence_settings import VALUE
from .transformer import Transformer


@Layer.registry.register("transformer_decoder")
@dataclass(frozen=True, kw_only=True)
class TransformerDecoder(Transformer):
    """Causal self-attention, attention over a `memory` where one is given, then a feed-forward network.

    With `norm: pre`: x ← x + attention(layer_norm(x)), x ← x + attention(layer_norm(x), memory), x ← x +
    activation(layer_norm(x)·W₁ + b₁)·W₂ + b₂. Without a memory it is the decoder of a language model (GPT).

    | | shape |
    |---|---|
    | input, output | (batch, time, n), of any length |
    | `memory` | (batch, memory time, m), such as the output of a `transformer_encoder` |
    | `attention_…`, `feed_forward_…` | as those of `transformer_encoder` |
    | `memory_query_weight`, `memory_query_bias` | (n, n), (n) |
    | `memory_memory_weight`, `memory_memory_bias` | (m, 2·n), (2·n): keys and values side by side |
    | `memory_output_weight`, `memory_output_bias` | (n, n), (n) |
    | `memory_norm_scale`, `memory_norm_bias` | (n) |

    Of several `layers` the second's parameters begin with `layer2_`. Going step by step (`inference_step`) it keeps the
    keys and values of all steps so far.

    Vaswani et al., Attention Is All You Need, 2017.
    """

    example: ClassVar[str] = """
inputs: {words: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 1000, units: 32}
  - positional_encoding: {encoding: learned, maximum: 64}
  - transformer_decoder: {heads: 4, layers: 2, activation: gelu}
  - layer_norm
  - dense: {units: 1000, weight_initializer: {tied: {to: embedding1/weight, transposed: true}}}
"""
    arity: ClassVar[tuple[int, int | None]] = (1, 4)
    value_fields: ClassVar[tuple[str, ...]] = ("memory", "mask", "lengths", "memory_mask", "memory_lengths")
    window: int | None = spec_field(
        "How many steps of the input a step reads at most, see `multi_head_attention`.", default=None, minimum=1
    )
    memory: str | None = spec_field("A sequence that every step reads, whole.", default=None, schema=VALUE)
    memory_mask: str | None = spec_field("As `mask`, for the memory.", default=None, schema=VALUE)
    memory_lengths: str | None = spec_field("As `lengths`, for the memory.", default=None, schema=VALUE)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of_mask_and_lengths(self.memory_mask, self.memory_lengths, "memory_")

    @property
    def causal(self) -> bool:
        return self.lengths is None

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        for field in ("memory_mask", "memory_lengths"):
            if self.memory is None and getattr(self, field) is not None:
                raise BuildError(f"'{field}' is of a memory", "give 'memory' too", (field,))
        return super().build(context, *inputs)

    def layer(
        self, context: LayerContext, x: Value, valid: Value | None, memory: Value | None, memory_valid: Value | None
    ) -> Value:
        heads = replace(self.attention(causal=True), window=self.window)
        x = self.branch(context.part("attention_"), x, lambda part, read: heads.attend(part, read, None, valid))
        if memory is not None:
            cross = self.attention(of_memory=True)
            x = self.branch(
                context.part("memory_"), x, lambda part, read: cross.attend(part, read, memory, memory_valid)
            )
        return self.branch(context.part("feed_forward_"), x, self.feed_forward)
