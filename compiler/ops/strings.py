"""Text to numbers: lower case, words, counts. ONNX Runtime has these on the CPU alone.

A graph with them cannot run wholly on CUDA, so the network keeps them out of the graphs that train: they stand in
`inference.onnx`, and in `prepare.onnx`, which a host runs on raw text before a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..ir import (
    REQUIRED,
    Array,
    Attribute,
    Call,
    DType,
    NotDifferentiable,
    Operator,
    Sample,
    TensorType,
    register,
    symbol,
)

TEXT: Final = NotDifferentiable("it is text")
LOCALE: Final = "C"
"""The only locale that every machine has; it lowers the letters A to Z. ONNX Runtime refuses one that is missing."""


def lower(text: str) -> str:
    """The letters A to Z in lower case, as the locale C has it."""
    return text.translate(_LOWER)


_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _infer_normalizer(call: Call) -> list[TensorType]:
    _require_text(call)
    if call[0].rank != 1:
        raise call.error(f"needs a list of texts, received {call[0].type}")
    return [call[0].type]


def _infer_split(call: Call) -> list[TensorType]:
    _require_text(call)
    pieces = symbol(f"pieces{call[0].serial}")  # as many as the text with the most pieces has
    return [TensorType(DType.string, (*call[0].shape, pieces)), TensorType(DType.int64, call[0].shape)]


def _infer_counts(call: Call) -> list[TensorType]:
    _require_text(call)
    if call[0].rank > 2:
        raise call.error(f"needs words, or rows of words, received {call[0].type}")
    return [TensorType(DType.float32, (*call[0].shape[:-1], max(call.attribute("ngram_indexes")) + 1))]


def _require_text(call: Call) -> None:
    if call[0].dtype is not DType.string:
        raise call.error(f"needs text, received {call[0].type}")


def _evaluate_normalizer(x: Array, **_: object) -> Array:
    return np.array([lower(text) for text in x.ravel().tolist()], dtype=object).reshape(x.shape)


def _evaluate_split(x: Array, delimiter: str) -> tuple[Array, Array]:
    rows = [text.split(delimiter) if text else [] for text in x.ravel().tolist()]
    width = max((len(row) for row in rows), default=0)
    pieces = np.array([row + [""] * (width - len(row)) for row in rows], dtype=object)
    return pieces.reshape(*x.shape, width), np.array([len(row) for row in rows], np.int64).reshape(x.shape)


def _evaluate_counts(x: Array, *, ngram_indexes: Sequence[int], pool_strings: Sequence[str], **_: object) -> Array:
    place = dict(zip(pool_strings, ngram_indexes, strict=True))
    rows = x.reshape(-1, x.shape[-1]).tolist()
    counts = np.zeros((len(rows), max(ngram_indexes) + 1), np.float32)
    for row, words in enumerate(rows):
        for word in words:
            if word in place:
                counts[row, place[word]] += 1
    return counts.reshape(*x.shape[:-1], counts.shape[1])


_TEXTS = np.array(["Free MONEY now free", "hello  World"], dtype=object)
_WORDS = np.array([["free", "money", "free"], ["hello", "", ""]], dtype=object)
_POOL: dict[str, Attribute] = {"mode": "TF", "ngram_indexes": (0, 1, 2), "pool_strings": ("free", "hello", "money")}

register(
    Operator(
        "StringNormalizer",
        infer=_infer_normalizer,
        gradients=(TEXT,),
        evaluate=_evaluate_normalizer,
        attributes={"case_change_action": REQUIRED, "is_case_sensitive": 0, "locale": LOCALE},
        samples=lambda: [Sample((_TEXTS,), {"case_change_action": "LOWER"})],
        host_only=True,
    )
)
register(
    Operator(
        "StringSplit",
        infer=_infer_split,
        gradients=(TEXT,),
        evaluate=_evaluate_split,
        attributes={"delimiter": REQUIRED},
        samples=lambda: [Sample((_TEXTS,), {"delimiter": " "}, outputs=2)],
        host_only=True,
    )
)
register(
    Operator(
        "TfIdfVectorizer",
        infer=_infer_counts,
        gradients=(TEXT,),
        evaluate=_evaluate_counts,
        attributes={
            "mode": REQUIRED,
            "min_gram_length": 1,
            "max_gram_length": 1,
            "max_skip_count": 0,
            "ngram_counts": (0,),
            "ngram_indexes": REQUIRED,
            "pool_strings": REQUIRED,
        },
        samples=lambda: [Sample((_WORDS,), _POOL, name="rows"), Sample((_WORDS[0],), _POOL, name="one row")],
        host_only=True,
    )
)
