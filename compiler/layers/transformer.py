"""What the encoder and the decoder of a transformer share: residual branches, normalization, the feed-forward part."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..initializers import GlorotUniform, Initializer
from ..ir import Value
from .activations import Relu
from .attending import require_sequence, valid_of
from .base import Activation, Layer, LayerContext
from .checks import require_one_of_mask_and_lengths, static_sizes, values_of_fields
from .dense import Dense
from .dropout import Dropout
from .layer_norm import LayerNorm
from .multi_head_attention import MultiHeadAttention
from .recurrence_settings import VALUE


@dataclass(frozen=True, kw_only=True)
class Transformer(Layer):
    """A stack of layers, each of residual branches: attention, and a network of two linear maps for each step."""

    shorthand: ClassVar[str | None] = "heads"
    value_fields: ClassVar[tuple[str, ...]] = ("mask", "lengths")
    heads: int = spec_field("Number of heads; it divides n.", minimum=1)
    hidden: int | None = spec_field(
        "Numbers between the two linear maps of the feed-forward network; 4·n unless given.", default=None, minimum=1
    )
    layers: int = spec_field("How many such layers, one after the other.", default=1, minimum=1)
    norm: Literal["pre", "post"] = spec_field(
        "`pre`: x + branch(norm(x)), which trains without warm-up (Xiong et al. 2020); put a `layer_norm` after the "
        "last layer. `post`: norm(x + branch(x)), as in 2017.",
        default="pre",
    )
    activation: Activation = spec_field("Between the two linear maps; `relu` unless given.", default_factory=Relu)
    dropout: float = spec_field(
        "While training: probability of a zero in the weights of the steps, between the linear maps and in what each "
        "branch adds, as the layer `dropout`.",
        default=0.0,
        minimum=0,
        exclusive_maximum=1,
    )
    rotary: bool = spec_field(
        "Whether steps know each other's distance by rotary positions, see `multi_head_attention`.", default=False
    )
    key_value_heads: int | None = spec_field(
        "Number of heads of keys and values, see `multi_head_attention`.", default=None, minimum=1
    )
    mask: str | None = spec_field(
        "A value of shape (batch, time), numbers or truth values: steps where it is 0 are padding.",
        default=None,
        schema=VALUE,
    )
    lengths: str | None = spec_field(
        "A value of shape (batch), whole numbers: how many steps of each sequence are no padding, counted from its "
        "beginning. The same as a `mask`.",
        default=None,
        schema=VALUE,
    )
    epsilon: float = spec_field("Of the layer normalization.", default=1e-5, exclusive_minimum=0)
    use_bias: bool = spec_field("Whether linear maps and normalizations have biases.", default=True)
    weight_initializer: Initializer = spec_field(
        "First values of all weights; `glorot_uniform`, each map by itself, unless given.",
        default_factory=GlorotUniform,
    )

    def __post_init__(self) -> None:
        require_one_of_mask_and_lengths(self.mask, self.lengths)
        self.attention()  # what it refuses

    def attention(self, *, causal: bool = False, of_memory: bool = False) -> MultiHeadAttention:
        """The heads of a branch."""
        return MultiHeadAttention(
            heads=self.heads,
            causal_=causal,
            memory="memory" if of_memory else None,
            lengths=self.lengths if not of_memory else None,
            dropout=self.dropout,
            rotary=self.rotary and not of_memory,
            key_value_heads=self.key_value_heads,
            use_bias=self.use_bias,
            weight_initializer=self.weight_initializer,
        )

    @property
    def remembers(self) -> bool:
        return True

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        given = values_of_fields(self, inputs)
        x = inputs[0]
        require_sequence(x)
        memory = given.get("memory")
        valid = valid_of(given, x)
        memory_valid = None
        if memory is not None:
            require_sequence(memory, "memory")
            memory_valid = valid_of(given, memory, "memory_")
        for number in range(self.layers):
            part = context.part(f"layer{number + 1}_") if number else context
            x = self.layer(part, x, valid, memory, memory_valid)
        return x

    @abstractmethod
    def layer(
        self, context: LayerContext, x: Value, valid: Value | None, memory: Value | None, memory_valid: Value | None
    ) -> Value:
        """One layer of the stack."""

    def branch(self, context: LayerContext, x: Value, inner: Callable[[LayerContext, Value], Value]) -> Value:
        """x and what a branch adds to it, normalized before or after; `context` is that of the branch."""
        norm = LayerNorm(epsilon=self.epsilon, bias=self.use_bias)
        read = norm.build(context.part("norm_"), x) if self.norm == "pre" else x
        added = Dropout(rate=self.dropout).build(context.part("added_"), inner(context, read))
        return x + added if self.norm == "pre" else norm.build(context.part("norm_"), x + added)

    def feed_forward(self, context: LayerContext, x: Value) -> Value:
        """Two linear maps of each step, with the activation between them."""
        (size,) = static_sizes(x.shape[-1:], x, "the last axis of a transformer's input")
        widen = Dense(
            units=self.hidden or 4 * size,
            activation=self.activation,
            use_bias=self.use_bias,
            weight_initializer=self.weight_initializer,
        )
        back = Dense(units=size, use_bias=self.use_bias, weight_initializer=self.weight_initializer)
        between = context.part("hidden_")
        inner = Dropout(rate=self.dropout).build(between, widen.build(between, x))
        return back.build(context.part("output_"), inner)
