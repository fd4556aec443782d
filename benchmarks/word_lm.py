"""The perplexity of a trained `word_lm` beside that of an interpolated Kneser–Ney trigram on the same tokens.

    python benchmarks/word_lm.py runs/word_lm

Both see the training sentences through the run's tokenizer (rare words are one unknown token), as one stream with an
end token after each sentence, and are judged on the test files. The trigram is interpolated Kneser–Ney, with one
discount an order: n₁ / (n₁ + 2·n₂) for n₁ n-grams that occur once and n₂ that occur twice (Ney, Essen and Kneser 1994).
Tests hold it to that of NLTK.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from netwright.runtime import evaluate
from netwright.runtime.data.plan import load_partitions
from netwright.runtime.data.tokens import text_stream
from netwright.runtime.run_folder import RunFolder


class KneserNey:
    """An interpolated Kneser–Ney model of order 3 (Chen and Goodman 1999, eq. 19, with one discount an order).

    stream: training tokens. size: how many tokens there are; unseen ones share what the unigrams leave.
    discounts: of the unigrams' continuations, bigrams' continuations and trigrams; None estimates each.
    """

    def __init__(self, stream: Sequence[int], size: int, discounts: Sequence[float] | None = None) -> None:
        trigrams: Counter[tuple[int, ...]] = Counter(zip(stream, stream[1:], stream[2:], strict=False))
        # Lower orders count the different tokens that an n-gram follows, not how often it occurs.
        bigrams: Counter[tuple[int, ...]] = Counter(gram[1:] for gram in trigrams)
        unigrams: Counter[tuple[int, ...]] = Counter(gram[1:] for gram in set(pairwise(stream)))
        self._counts = [unigrams, bigrams, trigrams]
        self._discounts = list(discounts) if discounts else [_discount(counts) for counts in self._counts]
        self._size = size
        self._totals: list[Counter[tuple[int, ...]]] = [Counter(), Counter(), Counter()]
        self._kinds: list[dict[tuple[int, ...], int]] = [defaultdict(int) for _ in range(3)]
        for order, counts in enumerate(self._counts):
            for gram, count in counts.items():
                self._totals[order][gram[:-1]] += count
                self._kinds[order][gram[:-1]] += 1

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        """P(token | the last two tokens)."""
        lower = 1 / self._size
        for order in range(3):
            before = context[len(context) - order :]
            total = self._totals[order].get(before, 0)
            if total == 0:
                continue
            discount = self._discounts[order]
            kept = max(self._counts[order].get((*before, token), 0) - discount, 0.0)
            lower = (kept + discount * self._kinds[order][before] * lower) / total
        return lower

    def perplexity(self, stream: Sequence[int]) -> float:
        """Over all tokens of a stream that have two before them."""
        grams = zip(stream, stream[1:], stream[2:], strict=False)
        losses = [-math.log(self.probability(c, (a, b))) for a, b, c in grams]
        return math.exp(sum(losses) / len(losses))


def _discount(counts: Counter[tuple[int, ...]]) -> float:
    once, twice = (sum(1 for count in counts.values() if count == times) for times in (1, 2))
    return once / (once + 2 * twice) if once and twice else 0.5


def trigram_perplexity(run: Path) -> float:
    """Of the trigram on the test files of the run's data."""
    folder = RunFolder(run)
    bundle = folder.trained_bundle()
    (feature,) = bundle.manifest.features
    assert bundle.manifest.data is not None
    entry: dict[str, Any] = {"name": feature.name, "dtype": "string", "shape": [], "column": feature.column}
    parts = load_partitions(bundle.manifest.data, [entry], [], folder.base() or Path()).by_name()
    tokenizer = bundle.tokenizer(feature.name)
    train, test = (text_stream(parts[part], feature, tokenizer).tolist() for part in ("train", "test"))
    return KneserNey(train, tokenizer.size).perplexity(test)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    print(f"interpolated Kneser–Ney trigram: perplexity {trigram_perplexity(run):.1f}", flush=True)
    print(f"{run}: perplexity {evaluate(run)['test']['perplexity']:.1f}")


if __name__ == "__main__":
    main()
