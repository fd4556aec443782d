"""Layers in which every step of a sequence reads all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..ir import Value
from .base import Layer, LayerContext
from .transformer import Transformer


@Layer.registry.register("transformer_encoder")
@dataclass(frozen=True, kw_only=True)
class TransformerEncoder(Transformer):
    """Self-attention, then a feed-forward network, each added to its input: a transformer's encoder.

    With `norm: pre`: x ← x + attention(layer_norm(x)), x ← x + activation(layer_norm(x)·W₁ + b₁)·W₂ + b₂.

    | | shape |
    |---|---|
    | input, output | (batch, time, n), of any length |
    | `attention_weight`, `attention_bias` | (n, 3·n), (3·n): queries, keys and values side by side |
    | `attention_output_weight`, `attention_output_bias` | (n, n), (n) |
    | `feed_forward_hidden_weight`, `feed_forward_hidden_bias` | (n, hidden), (hidden) |
    | `feed_forward_output_weight`, `feed_forward_output_bias` | (hidden, n), (n) |
    | `attention_norm_scale`, `attention_norm_bias`, `feed_forward_norm_…` | (n), of the two normalizations |

    Of several `layers` the second's parameters begin with `layer2_`. It knows no order of steps: put a
    `positional_encoding` before it, or say `rotary: true`.

    Vaswani et al., Attention Is All You Need, 2017.
    """

    example: ClassVar[str] = """
inputs: {words: {shape: [time], dtype: int64}, n: {shape: [], dtype: int64}}
network:
  - embedding: {vocabulary: 1000, units: 32, from: words}
  - positional_encoding
  - transformer_encoder: {heads: 4, layers: 2, lengths: n}
  - layer_norm
  - dense: 5
"""
    arity: ClassVar[tuple[int, int | None]] = (1, 2)

    def layer(
        self, context: LayerContext, x: Value, valid: Value | None, memory: Value | None, memory_valid: Value | None
    ) -> Value:
        del memory, memory_valid
        heads = self.attention()
        x = self.branch(context.part("attention_"), x, lambda part, read: heads.attend(part, read, None, valid))
        return self.branch(context.part("feed_forward_"), x, self.feed_forward)
