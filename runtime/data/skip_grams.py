"""Pairs of a word and a word near it, with others that are not, as word2vec learns from them.

Mikolov, Sutskever, Chen, Corrado and Dean, Distributed Representations of Words and Phrases and their Compositionality,
NeurIPS 2013.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from .columns import Array

Sentences = Sequence[Sequence[str]]


def frequent_words(sentences: Sentences, count: int) -> tuple[str, ...]:
    """The `count` most frequent words, the most frequent first, equally frequent ones in alphabetical order."""
    found = Counter(word for sentence in sentences for word in sentence)
    return tuple(sorted(found, key=lambda word: (-found[word], word))[:count])


def stream(sentences: Sentences, words: Sequence[str]) -> tuple[Array, Array]:
    """The numbers of the words that are in `words`, sentence after sentence, and the number of the sentence of each;
    int32."""
    number = {word: index for index, word in enumerate(words)}
    known = [[number[word] for word in sentence if word in number] for sentence in sentences]
    lengths = [len(sentence) for sentence in known]
    return (
        np.fromiter((word for sentence in known for word in sentence), np.int32, sum(lengths)),
        np.repeat(np.arange(len(known), dtype=np.int32), lengths),
    )


def thinned(counts: Array, threshold: float) -> Array:
    """The probability with which each word stays: min(1, √(threshold / frequency)), which thins out `the` and its like.

    Left out before windows are laid, so that what stands around them comes nearer.
    """
    frequency = counts / counts.sum()
    return np.asarray(np.minimum(1, np.sqrt(threshold / np.maximum(frequency, 1e-12))))


def pairs(numbers: Array, sentence: Array, window: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Words, and one near each: for each place in the stream a window of 1 to `window` words on both sides is drawn,
    so that near words count more."""
    reach = generator.integers(1, window + 1, len(numbers))
    words: list[Array] = []
    near: list[Array] = []
    for distance in range(1, window + 1):
        left, right = slice(None, -distance), slice(distance, None)
        together = sentence[left] == sentence[right]
        for center, other in ((left, right), (right, left)):
            seen = together & (reach[center] >= distance)
            words.append(numbers[center][seen])
            near.append(numbers[other][seen])
    return np.concatenate(words), np.concatenate(near)


def noise(counts: Array, near: Array, count: int, generator: np.random.Generator) -> Array:
    """`count` words for each of `near` that are not it, drawn with probabilities proportional to counts^0.75; int32."""
    weights = np.cumsum(counts**0.75)

    def draw(size: int | tuple[int, int]) -> Array:
        found = np.searchsorted(weights, generator.random(size) * weights[-1], side="right")
        return np.asarray(found, np.int32)

    drawn: Array = draw((len(near), count))
    while (same := drawn == near[:, None]).any():
        drawn[same] = draw(int(same.sum()))
    return drawn


def lowered(sentences: Iterable[str]) -> list[list[str]]:
    """Words in lower case that hold a letter."""
    return [[w for w in sentence.lower().split(" ") if any(c.isalpha() for c in w)] for sentence in sentences]
