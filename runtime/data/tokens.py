"""Texts as tokens: padded sequences of their own lengths, or windows cut from one stream.

The plan is the manifest's: a feature with `tokens` is a column of texts in the data, one with `length_of` counts its
tokens, a target with `next_of` is the same one token later: the same window of a stream, or a text with its end token
instead of its begin token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ..manifest import Field, TokenPlan
from ..tokenizers.tokenizer import Tokenizer
from .columns import Array, Batch, Columns, Rows, only
from .wording import count_text

Tokens = npt.NDArray[np.int32]
"""Of one text."""
Row = Tokens | list[Tokens]
"""The tokens of a text, or of each of its words, as a feature with two axes has them."""


def encode_texts(texts: Iterable[str], tokenizer: Tokenizer, plan: TokenPlan) -> list[Tokens]:
    """The tokens of each text, with begin and end where the plan puts them, cut where it cuts."""
    before = [tokenizer.begin] if plan.begin else []
    after = [tokenizer.end] if plan.end else []
    return [np.array([*before, *tokenizer.encode(text), *after][: plan.longest], np.int32) for text in texts]


def encode_ahead(texts: Iterable[str], tokenizer: Tokenizer, plan: TokenPlan) -> tuple[list[Tokens], list[Tokens]]:
    """The tokens of each text, and those one later: of `begin a b`, `a b end`. Of a text that is cut the last of these
    is the first token that was cut off, not an end where there is none."""
    longest = None if plan.longest is None else plan.longest + 1
    whole = encode_texts(texts, tokenizer, replace(plan, end=True, longest=longest))
    return [row[:-1] for row in whole], [row[1:] for row in whole]


def encode_words(texts: Iterable[str], tokenizer: Tokenizer, plan: TokenPlan) -> list[list[Tokens]]:
    """The tokens of each word of each text, words being what stands between spaces."""
    known: dict[str, Tokens] = {}
    rows = []
    for text in texts:
        words = text.split()
        new = [word for word in dict.fromkeys(words) if word not in known]
        known.update(zip(new, encode_texts(new, tokenizer, plan), strict=True))
        rows.append([known[word] for word in words])
    return rows


def encode_field(field: Field, texts: Iterable[str], tokenizer: Tokenizer) -> Sequence[Row]:
    """A field's rows: the tokens of each text, or of each word where the field has a second axis for them. A word is
    cut where that axis ends, if its size is given."""
    assert field.tokens is not None
    plan, last = field.tokens, field.shape[-1]
    if len(field.shape) == 1:
        return encode_texts(texts, tokenizer, plan)
    if isinstance(last, int):
        plan = replace(plan, longest=min(last, plan.longest or last))
    return encode_words(texts, tokenizer, plan)


def padded(rows: Sequence[Row], sizes: Sequence[int], pad: int) -> npt.NDArray[np.int64]:
    """int64 (rows, *sizes): each row from its beginning, then padding."""
    whole = np.full((len(rows), *sizes), pad, np.int64)
    for number, row in enumerate(rows):
        if isinstance(row, list):
            for place, word in enumerate(row):
                whole[number, place, : len(word)] = word
        else:
            whole[number, : len(row)] = row
    return whole


def token_counts(rows: Array) -> npt.NDArray[np.int64]:
    """How many tokens each row of (rows, time, …) has: up to the last that is no padding, which is 0."""
    filled = (rows != 0).reshape(*rows.shape[:2], -1).any(axis=2)
    counts: npt.NDArray[np.int64] = (filled * np.arange(1, rows.shape[1] + 1)).max(axis=1, initial=0)
    return counts


class TokenColumns:
    """Columns with texts as tokens; every choice of rows is padded to its own longest text.

    columns: the others, and the texts under the names of the features.
    fields: features and targets that are made of text.
    tokenizers: by the name of each feature with `tokens`.
    """

    def __init__(self, columns: Columns, fields: Sequence[Field], tokenizers: Mapping[str, Tokenizer]) -> None:
        texts = only(columns, list(tokenizers)).take(slice(None))
        ahead = {field.next_of: field.name for field in fields if field.next_of is not None}
        rows: dict[str, Sequence[Row]] = {}
        pads = {name: tokenizer.pad for name, tokenizer in tokenizers.items()}
        for field in fields:
            if field.tokens is None:
                continue
            written, tokenizer, target = texts[field.name].tolist(), tokenizers[field.name], ahead.get(field.name)
            if target is None:
                rows[field.name] = encode_field(field, written, tokenizer)
            else:
                rows[field.name], rows[target] = encode_ahead(written, tokenizer, field.tokens)
                pads[target] = tokenizer.pad
        rest = [name for name in columns.names if name not in tokenizers]
        self._set(only(columns, rest) if rest else None, tuple(rest), columns.rows, fields, rows, pads)

    def _set(
        self,
        rest: Columns | None,
        rest_names: tuple[str, ...],
        count: int,
        fields: Sequence[Field],
        tokens: Mapping[str, Sequence[Row]],
        pads: Mapping[str, int],
    ) -> None:
        self._rest, self._rest_names, self._count = rest, rest_names, count
        self._fields, self._tokens, self._pads = tuple(fields), tokens, pads

    @property
    def rows(self) -> int:
        return self._count

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._rest_names, *(field.name for field in self._fields))

    @property
    def row_bytes(self) -> int | None:
        return None  # putting rows of unequal lengths together takes time, so batches are made ahead

    def take(self, rows: Rows) -> Batch:
        numbers = np.arange(self._count)[rows]
        batch = {} if self._rest is None else dict(self._rest.take(rows))
        chosen = {name: [tokens[number] for number in numbers] for name, tokens in self._tokens.items()}
        sizes = axis_sizes(self._fields, chosen)
        for field in self._fields:
            if field.name in chosen:
                shape = [sizes[axis] for axis in field.shape]
                batch[field.name] = padded(chosen[field.name], shape, self._pads[field.name])
            elif field.length_of is not None:
                lengths = [len(tokens) for tokens in chosen[field.length_of]]
                batch[field.name] = np.array(lengths, field.dtype)
        return batch

    def only(self, names: Sequence[str]) -> TokenColumns:
        """The same rows of some columns."""
        other = object.__new__(TokenColumns)
        rest = tuple(name for name in self._rest_names if name in names)
        kept = only(self._rest, rest) if self._rest is not None and rest else None
        fields = [field for field in self._fields if field.name in names]
        other._set(kept, rest, self._count, fields, self._tokens, self._pads)
        return other


def axis_sizes(fields: Sequence[Field], chosen: Mapping[str, Sequence[Row]]) -> dict[int | str, int]:
    """How long each axis becomes: its size, or as the longest text or word on it, at least 1. Fields that share one
    agree."""
    sizes: dict[int | str, int] = {}
    for field in fields:
        if field.name not in chosen:
            continue
        rows = chosen[field.name]
        longest = [max(map(len, rows), default=1)]
        if len(field.shape) == 2:
            longest.append(max((len(word) for row in rows for word in row), default=1))
        for axis, size in zip(field.shape, longest, strict=True):
            sizes[axis] = axis if isinstance(axis, int) else max(sizes.get(axis, 1), size)
    return sizes


def text_stream(columns: Columns, feature: Field, tokenizer: Tokenizer) -> Tokens:
    """The tokens of all texts, one after another."""
    assert feature.tokens is not None
    texts = only(columns, [feature.name]).take(slice(None))[feature.name].tolist()
    return np.concatenate(encode_texts(texts, tokenizer, feature.tokens))


@dataclass(frozen=True)
class WindowPlan:
    """How a stream is cut: see the spec's `data.windows`. `streams`: side by side in training, None for any order."""

    length: int
    evaluation_length: int
    streams: int | None

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> WindowPlan:
        return cls(entry["length"], entry["evaluation_length"], entry["streams"])

    def starts(self, tokens: int, *, training: bool) -> npt.NDArray[np.int64]:
        """Where the windows of a stream begin, in order. Each needs one token more, for the target.

        With streams side by side, rows i, streams + i, 2·streams + i … go on one after another.
        """
        if not training:
            length = min(self.evaluation_length, tokens - 1)
            return np.arange((tokens - 1) // max(length, 1), dtype=np.int64) * length
        side = self.streams or 1
        each = (tokens - 1) // side
        first = np.arange(side, dtype=np.int64) * each
        following = np.arange(each // self.length, dtype=np.int64) * self.length
        return (following[:, None] + first[None, :]).ravel()


class WindowColumns:
    """Windows of one stream of tokens as a feature, and one token later as targets."""

    def __init__(
        self, stream: Tokens, starts: npt.NDArray[np.int64], length: int, feature: str, targets: Sequence[str]
    ) -> None:
        self._stream, self._starts, self._length = stream, starts, length
        self._feature, self._targets = feature, tuple(targets)

    @property
    def rows(self) -> int:
        return len(self._starts)

    @property
    def names(self) -> tuple[str, ...]:
        return (self._feature, *self._targets)

    @property
    def row_bytes(self) -> int:
        return 8 * self._length * len(self.names)

    def take(self, rows: Rows) -> Batch:
        places = self._starts[rows][:, None] + np.arange(self._length + 1)
        tokens = self._stream[places].astype(np.int64)
        after: Array = np.ascontiguousarray(tokens[:, 1:])
        return {self._feature: np.ascontiguousarray(tokens[:, :-1]), **dict.fromkeys(self._targets, after)}


def window_columns(
    stream: Tokens, plan: WindowPlan, feature: str, targets: Sequence[str], part: str, *, training: bool
) -> WindowColumns:
    """The windows of a partition's stream. Raises UserError when it is too short for one (for each stream)."""
    starts = plan.starts(len(stream), training=training)
    if len(starts) == 0:
        side = plan.streams or 1
        needed = side * plan.length + 1 if training else 2
        raise UserError(
            f"the {part} texts have {count_text(len(stream), 'token')}, but data.windows needs at least {needed:,}",
            "make data.windows.length or training.batch_size smaller" if training else None,
        )
    length = plan.length if training else min(plan.evaluation_length, len(stream) - 1)
    return WindowColumns(stream, starts, length, feature, targets)
