"""`brown_skip_grams`: pairs of words that stand near each other in the Brown corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import Dataset, DataSource


@DataSource.registry.register("brown_skip_grams")
@dataclass(frozen=True, kw_only=True)
class BrownSkipGrams(DataSource):
    """Words of the Brown corpus (see `brown`), each with a word near it and words drawn at random, for word2vec.

    Columns: `word` (int32), `candidates` (int32, [1 + negatives]: the word near it, then those drawn from the
    frequencies to the power 0.75), and `is_near` (float32, the same shape: 1 for the first, 0 for the others). Numbers
    stand for the most frequent words in lower case, the most frequent being 0; the run's manifest lists them as the
    `labels` of the feature. Frequent words are thinned out first, as in the paper. The words are those of all
    partitions of `brown`, and there is no partition: word vectors are judged by their neighbours.

    Mikolov et al., Distributed Representations of Words and Phrases and their Compositionality, NeurIPS 2013.
    """

    example: ClassVar[str] = "brown_skip_grams: {vocabulary: 5000, window: 3}"
    vocabulary: int = spec_field("How many words, the most frequent ones.", default=8000, minimum=2)
    window: int = spec_field(
        "Words on either side that may count as near; fewer are drawn often.", default=5, minimum=1
    )
    negatives: int = spec_field("Words drawn at random for each pair.", default=5, minimum=1)
    threshold: float = spec_field(
        "A word of frequency f is kept with probability √(threshold / f).", default=1e-4, exclusive_minimum=0
    )
    rows: int | None = spec_field("No more pairs than these, drawn at random.", default=None, minimum=1)
    seed: int = spec_field("Of everything that is drawn.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns
        from ..skip_grams import frequent_words, lowered, noise, pairs, stream, thinned
        from .brown import Brown

        parts = Brown().load(base).partitions().values()
        sentences = lowered(text for part in parts for text in part.take(slice(None))["text"])
        words = frequent_words(sentences, self.vocabulary)
        generator = np.random.Generator(np.random.PCG64(self.seed))
        numbers, sentence = stream(sentences, words)
        counts = np.bincount(numbers, minlength=len(words))
        kept = generator.random(len(numbers)) < thinned(counts, self.threshold)[numbers]
        word, near = pairs(numbers[kept], sentence[kept], self.window, generator)
        if self.rows is not None and self.rows < len(word):
            chosen = generator.permutation(len(word))[: self.rows]
            word, near = word[chosen], near[chosen]
        drawn = noise(counts, near, self.negatives, generator)
        is_near = np.zeros((1, 1 + self.negatives), np.float32)
        is_near[:, 0] = 1
        return Dataset(
            ArrayColumns(
                {
                    "word": word,
                    "candidates": np.concatenate([near[:, None], drawn], axis=1),
                    "is_near": np.broadcast_to(is_near, (len(word), 1 + self.negatives)),
                }
            ),
            categories={"word": words},
        )
