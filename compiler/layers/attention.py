"""Attention of one head, without linear maps of its own for the values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..errors import BuildError
from ..initializers import GlorotUniform, Initializer
from ..ir import Value, op, shape_text
from .attending import mask, require_sequence, scaled_scores, unless_empty, valid_of, weigh
from .base import Layer, LayerContext
from .checks import require_float, require_one_of_mask_and_lengths, static_sizes, values_of_fields
from .recurrence_settings import VALUE


@Layer.registry.register("attention")
@dataclass(frozen=True, kw_only=True)
class Attention(Layer):
    """The steps of a memory averaged, each weighted by how well it fits a query: softmax over the scores · memory.

    With `score: dot_product` the score of a query q and a key k is q·k / √n (Vaswani et al. 2017), without parameters;
    with `score: additive` it is w · tanh(q·query_weight + k·key_weight), of a small network (Bahdanau, Cho and Bengio,
    Neural Machine Translation by Jointly Learning to Align and Translate, 2015).

    | | shape |
    |---|---|
    | input, the queries | (batch, time, n), or one query (batch, n), such as the state of a cell |
    | `memory` | (batch, memory time, m) |
    | output | (batch, time, m), or (batch, m) |
    | `query_weight`, `key_weight`, `score_weight` | (n, units), (m, units), (units); of the additive score |

    `return: weights` gives the weights themselves, (batch, time, memory time), to look at;
    `expression: {formula: weights @ memory}` then makes the average. Padded steps of the memory have the weight 0, and
    where all are padding the output is 0.
    """

    example: ClassVar[str] = """
inputs: {english: [words, 16], spanish: [time, 16]}
network:
  - gru: {units: 32, from: english, name: encoded}
  - gru: {units: 32, from: spanish, name: state}
  - attention: {score: additive, units: 24, memory: encoded}
"""
    arity: ClassVar[tuple[int, int | None]] = (2, 4)
    shorthand: ClassVar[str | None] = "memory"
    value_fields: ClassVar[tuple[str, ...]] = ("memory", "keys", "mask", "lengths")
    memory: str = spec_field("The sequence that is averaged.", schema=VALUE)
    keys: str | None = spec_field(
        "A sequence with as many steps that is compared with the queries; `memory` unless given.",
        default=None,
        schema=VALUE,
    )
    score: Literal["dot_product", "additive"] = spec_field("How a query and a key are compared.", default="dot_product")
    units: int | None = spec_field(
        "Numbers that the additive score adds up; as many as a query has unless given.", default=None, minimum=1
    )
    mask: str | None = spec_field(
        "A value of shape (batch, memory time), numbers or truth values: steps where it is 0 are padding.",
        default=None,
        schema=VALUE,
    )
    lengths: str | None = spec_field(
        "A value of shape (batch), whole numbers: how many steps of each memory are no padding, counted from its "
        "beginning. The same as a `mask`.",
        default=None,
        schema=VALUE,
    )
    dropout: float = spec_field(
        "While training: probability of a zero in the weights, as the layer `dropout`.",
        default=0.0,
        minimum=0,
        exclusive_maximum=1,
    )
    return_: Literal["average", "weights"] = spec_field("What the output is.", default="average")
    weight_initializer: Initializer = spec_field(
        "First values of the weights; `glorot_uniform` unless given.", default_factory=GlorotUniform
    )

    def __post_init__(self) -> None:
        require_one_of_mask_and_lengths(self.mask, self.lengths)

    @property
    def causal(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        if self.units is not None and self.score != "additive":
            raise BuildError("'units' is for the additive score", "give 'score: additive' too", ("units",))
        given = values_of_fields(self, inputs)
        memory = given["memory"]
        require_sequence(memory, "memory")
        keys = given.get("keys", memory)
        require_sequence(keys, "memory")
        if keys.shape[:2] != memory.shape[:2]:
            raise BuildError(
                f"the keys {shape_text(keys.shape)} are not those of the memory {shape_text(memory.shape)}",
                path=("keys",),
            )
        queries = self._queries(inputs[0])
        valid = valid_of(given, memory)
        seen = None if valid is None else op.Squeeze(mask(None, valid, valid), [1])
        scores = self._additive(context, queries, keys) if self.score == "additive" else _products(queries, keys)
        weights = weigh(context, scores, seen, self.dropout)
        made = unless_empty(weights if self.return_ == "weights" else weights @ memory, valid)
        return op.Squeeze(made, [1]) if inputs[0].rank == 2 else made

    def _queries(self, x: Value) -> Value:
        """(batch, time, n), of one query or several."""
        require_float(x)
        if x.rank not in (2, 3):
            message = f"needs queries of shape (batch, time, features) or (batch, features), received {x.type}"
            raise BuildError(message)
        return op.Unsqueeze(x, [1]) if x.rank == 2 else x

    def _additive(self, context: LayerContext, queries: Value, keys: Value) -> Value:
        """w · tanh(q·U + k·V) for every pair, (batch, queries, keys)."""
        (size,) = static_sizes(queries.shape[-1:], queries, "the last axis of the queries")
        units = self.units or size

        def projected(name: str, x: Value) -> Value:
            (rows,) = static_sizes(x.shape[-1:], x, "the last axis of what is read")
            return x @ context.parameter(
                name, (rows, units), self.weight_initializer, fan_in=rows, fan_out=units, regularized=True
            )

        q = op.Unsqueeze(projected("query_weight", queries), [2])
        k = op.Unsqueeze(projected("key_weight", keys), [1])
        weight = context.parameter(
            "score_weight", (units,), self.weight_initializer, fan_in=units, fan_out=1, regularized=True
        )
        return op.Tanh(q + k) @ weight


def _products(queries: Value, keys: Value) -> Value:
    if queries.shape[-1] != keys.shape[-1]:
        raise BuildError(
            f"the queries {shape_text(queries.shape)} and the keys {shape_text(keys.shape)} have no dot product",
            "give both the same number of features, or use `score: additive`",
        )
    return scaled_scores(queries, keys)
