"""What every layer that attends shares: weights from scores, which steps may be seen, heads, positions.

Scores, weights and masks have the axes (batch, …, queries, keys). A masked score gets `MASKED` added, so its weight is
0 and so is its gradient, at the price of one addition; a mask has no axis of heads. It is finite: a row in which every
key is masked has equal weights, never NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from .. import random
from ..errors import BuildError
from ..ir import Dim, DType, Value, apply, constant, op
from ..ops.cast import cast
from ..ops.matmul import transpose_last
from ..ops.shape_values import shape_value
from ..ops.shapes import reshape
from .base import LayerContext
from .checks import valid_steps

MASKED: Final = -1e30
"""What is added to a score to make its weight 0: beyond any score, and far from infinity."""


def require_sequence(x: Value, what: str = "input") -> None:
    """Raises BuildError unless x is (batch, time, features) of floats."""
    if x.rank != 3 or not x.dtype.is_float:
        raise BuildError(
            f"needs {'a' if what != 'input' else 'an'} {what} of shape (batch, time, features), received {x.type}",
            "for numbers of whole words put an `embedding` before it",
        )


def steps(start: Value | None, count: Dim, *sources: Value) -> Value:
    """The positions start, start + 1, … of so many steps, int64; `start` is a vector of one number, None for 0."""
    end = op.Squeeze(shape_value([count], *sources), [0])
    numbers = op.Range(constant(np.int64(0)), end, constant(np.int64(1)))
    return numbers if start is None else numbers + start


def mask(queries: Value | None, keys: Value, valid: Value | None, window: int | None = None) -> Value | None:
    """(batch or 1, 1, queries or 1, keys): 0 where a key may be seen, else `MASKED` or twice that; None where all may.

    queries: the positions of the queries, each of which sees no later key; None: they see all.
    keys: the positions of the keys. valid: (batch, keys), false where a key is padding. A later key counts as less than
    padding, so that a query with nothing but padding before it, which is padding itself, still sees nothing later.
    window: how many keys a query sees at most, its own and those right before; those further back count as later ones.
    """
    made = None
    if valid is not None:
        made = op.Where(op.Unsqueeze(valid, [1, 2]), constant(0.0), constant(MASKED))
    if queries is not None:
        rows, columns = op.Unsqueeze(queries, [1]), op.Unsqueeze(keys, [0])
        seen = op.LessOrEqual(columns, rows)
        if window is not None:
            seen = op.And(seen, op.Greater(columns, rows - constant(np.int64(window))))
        made = op.Where(op.Unsqueeze(seen, [0, 1]), constant(0.0) if made is None else made, constant(2 * MASKED))
    return made


def weigh(context: LayerContext, scores: Value, masked: Value | None, dropout: float) -> Value:
    """The weights of all keys for each query: softmax over the last axis; while training some of them are dropped."""
    weights = op.Softmax(scores if masked is None else scores + masked, axis=-1)
    if dropout and context.training:
        weights = weights * random.dropout_mask(context.random_key("weights"), weights, dropout)
    return weights


def scaled_scores(queries: Value, keys: Value) -> Value:
    """q · kᵀ / √size, for (…, queries, size) and (…, keys, size)."""
    size = queries.shape[-1]
    assert isinstance(size, int)
    return (queries * (1 / math.sqrt(size))) @ transpose_last(keys)


def valid_of(given: Mapping[str, Value], x: Value, prefix: str = "") -> Value | None:
    """Which steps of x are no padding, (batch, time), by what the fields `mask` or `lengths` name; None: all."""
    for field in ("mask", "lengths"):
        if prefix + field in given:
            return valid_steps(field, given[prefix + field], x)
    return None


def unless_empty(attended: Value, valid: Value | None) -> Value:
    """(batch, …), but 0 where a memory is nothing but padding, so that nothing of the padding is in it."""
    if valid is None:
        return attended
    some = op.ReduceMax(cast(valid, DType.float32), [1], keepdims=0)
    return attended * op.Unsqueeze(some, list(range(1, attended.rank)))


def split_heads(x: Value, heads: int) -> Value:
    """(batch, time, heads · size) -> (batch, heads, time, size)."""
    width = x.shape[-1]
    assert isinstance(width, int)
    return op.Transpose(reshape(x, (*x.shape[:2], heads, width // heads)), perm=[0, 2, 1, 3])


def merge_heads(x: Value) -> Value:
    """(batch, heads, time, size) -> (batch, time, heads · size)."""
    batch, heads, time, size = x.shape
    return reshape(op.Transpose(x, perm=[0, 2, 1, 3]), (batch, time, heads * size))


def divide(total: int, parts: int, what: str, field: str) -> int:
    """total / parts. Raises BuildError at the field unless it is a whole number."""
    if total % parts:
        raise BuildError(f"{total} {what} do not divide into {parts} heads", path=(field,))
    return total // parts


def angles(positions: Value, columns: int, size: int, base: float, phase: float = 0.0) -> Value:
    """position · base^(−2i/size) for i = 0 … columns − 1, float32 (positions, columns).

    With a `phase` each is followed by itself plus the phase, so there are twice as many columns.
    """
    frequencies = base ** (-2.0 * np.arange(columns) / size)
    offsets = np.zeros(columns)
    if phase:
        frequencies, offsets = np.repeat(frequencies, 2), np.tile([0.0, phase], columns)
    turned = op.Unsqueeze(cast(positions, DType.float32), [1]) * constant(frequencies.astype(np.float32))
    return turned + constant(offsets.astype(np.float32)) if phase else turned


def rotate(x: Value, positions: Value, base: float) -> Value:
    """Rotary position embedding: the pairs (xᵢ, xᵢ₊ₙ) of (…, time, 2n) turned by position · base^(−i/n).

    Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, with the halves of a vector paired,
    as GPT-NeoX and ONNX's RotaryEmbedding do.
    """
    size = x.shape[-1]
    assert isinstance(size, int)
    if size % 2:
        raise BuildError(f"rotary positions turn pairs, but a head has {size} numbers", path=("rotary",))
    half = angles(positions, size // 2, size, base)
    turn = op.Concat(half, half, axis=-1)
    return x * op.Cos(turn) + _quarter_turn(x, size // 2) * op.Sin(turn)


def _quarter_turn(x: Value, half: int) -> Value:
    """(a, b) -> (−b, a)."""
    a, b = apply("Split", x, constant(np.array([half, half])), axis=-1)
    return op.Concat(-b, a, axis=-1)
