"""Attention of several heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import GlorotUniform, Initializer, Zeros
from ..ir import DType, Value, apply, constant, op
from ..ops.cast import cast
from ..ops.shapes import reshape
from .attending import (
    divide,
    mask,
    merge_heads,
    require_sequence,
    rotate,
    scaled_scores,
    split_heads,
    steps,
    unless_empty,
    valid_of,
    weigh,
)
from .base import PAST, Layer, LayerContext
from .checks import require_one_of_mask_and_lengths, static_sizes, values_of_fields
from .recurrence_settings import VALUE

ROTARY_BASE: Final = 10000.0


@Layer.registry.register("multi_head_attention")
@dataclass(frozen=True, kw_only=True)
class MultiHeadAttention(Layer):
    """Every step reads other steps, weighted by how well they fit it; several heads do so side by side.

    With queries q, keys k and values v, linear maps of the steps cut into `heads` parts of d = units / heads numbers,
    each head is softmax(q·kᵀ / √d)·v, and the output a linear map of all heads side by side. Queries are of the input;
    keys and values too (self-attention), or of `memory` (cross-attention).

    | | shape |
    |---|---|
    | input | (batch, time, n); `memory` (batch, memory time, m) |
    | output | (batch, time, n) |
    | `weight`, `bias` | (n, 3·units), (3·units): q, k and v side by side; of `key_value_heads` k and v are narrower |
    | `query_weight`, `query_bias` | with a `memory`, for q: (n, units), (units) |
    | `memory_weight`, `memory_bias` | with a `memory`, for k and v: (m, 2·units), (2·units) |
    | `output_weight`, `output_bias` | (units, n), (n) |

    The time axis may have any length. Padded steps have no weight for anyone; a query whose whole memory is padding
    reads zeros. Going step by step (`inference_step`) a causal layer keeps the keys and values of all steps so far.

    Vaswani et al., Attention Is All You Need, 2017; fewer heads for keys and values: Ainslie et al., GQA, 2023.
    """

    example: ClassVar[str] = """
inputs: {words: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 1000, units: 32}
  - residual: [layer_norm, {multi_head_attention: {heads: 4, causal: true}}]
  - dense: 1000
"""
    arity: ClassVar[tuple[int, int | None]] = (1, 3)
    shorthand: ClassVar[str | None] = "heads"
    value_fields: ClassVar[tuple[str, ...]] = ("memory", "mask", "lengths")
    heads: int = spec_field("Number of heads.", minimum=1)
    units: int | None = spec_field(
        "Numbers of a query in all heads together, a multiple of `heads`; as many as the input's unless given.",
        default=None,
        minimum=1,
    )
    causal_: bool = spec_field("Whether a step reads none after it.", default=False)
    window: int | None = spec_field(
        "With `causal`: how many steps a step reads at most, its own and those right before. With `rotary` positions "
        "a network then writes on beyond the length that it was trained on (Longformer, 2020; Mistral 7B, 2023).",
        default=None,
        minimum=1,
    )
    memory: str | None = spec_field("A sequence to read instead of the input.", default=None, schema=VALUE)
    mask: str | None = spec_field(
        "A value of shape (batch, time), numbers or truth values: steps of what is read where it is 0 are padding.",
        default=None,
        schema=VALUE,
    )
    lengths: str | None = spec_field(
        "A value of shape (batch), whole numbers: how many steps of what is read are no padding, counted from its "
        "beginning. The same as a `mask`.",
        default=None,
        schema=VALUE,
    )
    dropout: float = spec_field(
        "While training: probability of a zero in the weights of the steps, as the layer `dropout`.",
        default=0.0,
        minimum=0,
        exclusive_maximum=1,
    )
    rotary: bool = spec_field(
        "Whether queries and keys are turned by angles that grow with their positions, so that a score depends on the "
        "distance of two steps (RoFormer, 2021; halves of a head are paired, base 10000).",
        default=False,
    )
    key_value_heads: int | None = spec_field(
        "Number of heads of the keys and values, each shared by heads / key_value_heads of the queries; as many as "
        "`heads` unless given.",
        default=None,
        minimum=1,
    )
    use_bias: bool = spec_field("Whether the linear maps have biases.", default=True)
    weight_initializer: Initializer = spec_field(
        "First values of all weights; `glorot_uniform`, each map by itself, unless given.",
        default_factory=GlorotUniform,
    )

    def __post_init__(self) -> None:
        require_one_of_mask_and_lengths(self.mask, self.lengths)
        if self.memory is not None and self.causal_:
            raise BuildError("the steps of a memory are not those of the input, so none is later", path=("causal",))
        if self.memory is not None and self.rotary:
            raise BuildError("the steps of a memory have no distance from those of the input", path=("rotary",))
        if self.heads % self.groups:
            message = f"{self.heads} heads do not divide among {self.groups} heads of keys and values"
            raise BuildError(message, path=("key_value_heads",))

    @property
    def groups(self) -> int:
        return self.key_value_heads or self.heads

    @property
    def causal(self) -> bool:
        return self.memory is not None or (self.causal_ and self.lengths is None)

    @property
    def remembers(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        if self.window is not None and not self.causal_:
            message = "a window goes back from each step, so later ones must not be read"
            raise BuildError(message, "give 'causal: true' too", ("window",))
        given = values_of_fields(self, inputs)
        x = inputs[0]
        require_sequence(x)
        memory = given.get("memory")
        if memory is not None:
            require_sequence(memory, "memory")
        return self.attend(context, x, memory, valid_of(given, x if memory is None else memory))

    def attend(self, context: LayerContext, x: Value, memory: Value | None, valid: Value | None) -> Value:
        """The output for x, (batch, time, n); `valid` says which steps of what is read are no padding."""
        (size,) = static_sizes(x.shape[-1:], x, "the last axis of an attention layer's input")
        units = self.units or size
        width = divide(units, self.heads, "units", "heads" if self.units is None else "units")
        if memory is None:
            attended = self._read_itself(context, x, width, valid)
        else:
            attended = self._read_memory(context, x, memory, width, valid)
        return self._linear(context, "output_", merge_heads(attended), [size])

    def _read_itself(self, context: LayerContext, x: Value, width: int, valid: Value | None) -> Value:
        heads, groups = self.heads, self.groups
        parts = [heads * width, groups * width, groups * width]
        made = split_heads(self._linear(context, "", x, parts), heads + 2 * groups)
        past = context.kept("keys", (x.shape[0], groups, PAST, width)) if self.causal else None
        start = None if past is None else op.Shape(past, start=2, end=3)
        positions = steps(start, x.shape[1], x) if self.rotary or self.causal_ else None
        if self.rotary:
            assert positions is not None
            turning, v = _cut(made, heads + groups, groups)
            q, k = _cut(rotate(turning, positions, ROTARY_BASE), heads, groups)
        else:
            q, k, v = _cut(made, heads, groups, groups)
        if past is not None:
            k, v, valid = self._with_past(context, past, k, v, valid)
        seen = None
        if positions is not None and self.causal_:
            seen = mask(positions, steps(None, k.shape[2], k), valid, self.window)
        elif valid is not None:
            seen = mask(None, valid, valid)
        return self._head_outputs(context, q, k, v, seen)

    def _with_past(
        self, context: LayerContext, past: Value, k: Value, v: Value, valid: Value | None
    ) -> tuple[Value, Value, Value | None]:
        """Keys, values and their mask, those of earlier calls before those of this one; they are kept for the next."""
        earlier = context.kept("values", past.shape)
        assert earlier is not None
        k, v = op.Concat(past, k, axis=2), op.Concat(earlier, v, axis=2)
        context.keep("keys", k)
        context.keep("values", v)
        if valid is not None:
            before = context.kept("mask", (past.shape[0], PAST))
            assert before is not None
            kept = op.Concat(before, cast(valid, DType.float32), axis=1)
            context.keep("mask", kept)
            valid = cast(kept, DType.boolean)
        return k, v, valid

    def _read_memory(self, context: LayerContext, x: Value, memory: Value, width: int, valid: Value | None) -> Value:
        heads, groups = self.heads, self.groups
        q = split_heads(self._linear(context, "query_", x, [heads * width]), heads)
        made = split_heads(self._linear(context, "memory_", memory, [groups * width] * 2), 2 * groups)
        k, v = _cut(made, groups, groups)
        seen = None if valid is None else mask(None, valid, valid)
        return unless_empty(self._head_outputs(context, q, k, v, seen), valid)

    def _head_outputs(self, context: LayerContext, q: Value, k: Value, v: Value, seen: Value | None) -> Value:
        """(batch, heads, time, size); q has `heads` heads, k and v have `key_value_heads`."""
        if self.groups == self.heads:
            return weigh(context, scaled_scores(q, k), seen, self.dropout) @ v
        batch, heads, time, size = q.shape
        q = reshape(q, (batch, self.groups, heads // self.groups, time, size))
        seen = None if seen is None else op.Unsqueeze(seen, [1])
        k, v = op.Unsqueeze(k, [2]), op.Unsqueeze(v, [2])
        made = weigh(context, scaled_scores(q, k), seen, self.dropout) @ v
        return reshape(made, (batch, heads, time, size))

    def _linear(self, context: LayerContext, name: str, x: Value, columns: list[int]) -> Value:
        """x · weight + bias, where the weight is several matrices side by side, each initialized as one by itself."""
        (rows,) = static_sizes(x.shape[-1:], x, "the last axis of what is read")
        total, fan_out = sum(columns), max(columns)
        y = x @ context.parameter(
            f"{name}weight",
            (rows, total),
            self.weight_initializer,
            fan_in=rows,
            fan_out=fan_out,
            regularized=True,
        )
        if not self.use_bias:
            return y
        return y + context.parameter(f"{name}bias", (total,), Zeros(), fan_in=rows, fan_out=fan_out)


def _cut(x: Value, *heads: int) -> tuple[Value, ...]:
    return apply("Split", x, constant(np.array(heads, np.int64)), axis=1)
