"""Text as counts of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import DType, Value, apply, constant
from ..ops import op
from ..ops.loops import scan
from ..ops.strings import lower
from .base import Layer, LayerContext

WHITE: tuple[str, ...] = (" ", "\n", "\t", "\r")


@Layer.registry.register("bag_of_words")
@dataclass(frozen=True, kw_only=True)
class BagOfWords(Layer):
    """How often each word of a vocabulary occurs in a text: float32, one number a word. Its input is of dtype string.

    Words stand between spaces, tabs and line ends; the letters A to Z count in lower case; nothing else is changed.
    The vocabulary is given, or the `size` most frequent words of the training texts, which `netwright train` and
    `compile` look up in the data. It travels inside `inference.onnx`, which takes plain text. Training graphs take the
    counts, which `prepare.onnx` makes.
    """

    example: ClassVar[str] = """
inputs:
  mail:
    shape: []
    dtype: string
    preprocess: [{bag_of_words: {vocabulary: [free, money, meeting]}}]
"""
    host_only: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "size"
    size: int = spec_field("How many words the vocabulary has, where it is fitted.", default=10_000, minimum=1)
    vocabulary: tuple[str, ...] | None = spec_field("The words themselves, in lower case.", default=None, min_items=1)
    binary: bool = spec_field("1 for a word that occurs, however often.", default=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for index, word in enumerate(self.vocabulary or ()):
            path = ("vocabulary", index)
            if words_of(word) != [word]:
                hint = f"write '{lower(word)}'" if words_of(word) == [lower(word)] else None
                raise BuildError(f"{word!r} is not a word in lower case, so no text has it", hint, path)
            if word in seen:
                raise BuildError(f"'{word}' is in the vocabulary twice", path=path)
            seen.add(word)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        text = inputs[0]
        if text.dtype is not DType.string or text.rank != 1:
            raise BuildError(f"needs one text an example, received {text.type}", "declare the input with dtype: string")
        words = self.vocabulary or context.vocabulary()
        if not words:
            raise BuildError("the training texts hold no words", "look at the column that the input is read from")
        size = len(self.vocabulary) if self.vocabulary else self.size
        if len(words) > size:
            raise BuildError(f"the fitted vocabulary has {len(words)} words, `size` is {size}", path=("size",))
        lowered = op.StringNormalizer(text, case_change_action="LOWER")

        def count(_: list[Value], one: list[Value]) -> tuple[list[Value], list[Value]]:
            # One text at a time: cutting a batch at once would pad every text to the longest, many times over.
            pieces = op.Unsqueeze(one[0], [0])
            for white in WHITE:
                pieces = op.Reshape(apply("StringSplit", pieces, delimiter=white)[0], [-1])
            return [], [_counts(pieces, words)]

        _, (counts,) = scan(count, [], [lowered])
        if len(words) < size:
            counts = op.Pad(counts, [0, 0, 0, size - len(words)])
        return op.Min(counts, 1.0) if self.binary else counts


def _counts(words: Value, vocabulary: tuple[str, ...]) -> Value:
    """Counts in one list of words. A last, unused word keeps the list from being empty."""
    padded = op.Concat(words, constant(np.array([""], dtype=object)), axis=0)
    indexes = tuple(range(len(vocabulary)))
    return op.TfIdfVectorizer(padded, mode="TF", ngram_indexes=indexes, pool_strings=vocabulary)


def words_of(text: str) -> list[str]:
    """The words of a text, as the layer sees them; what a vocabulary is fitted with."""
    for white in WHITE[1:]:
        text = text.replace(white, " ")
    return [word for word in lower(text).split(" ") if word]
