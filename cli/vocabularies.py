"""Fit vocabularies to the training texts before compiling: their words are part of the graph."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from netwright.compiler import Spec


def fit_vocabularies(spec: Spec, base: Path) -> dict[str, tuple[str, ...]]:
    """The most frequent words of the training texts, for each bag of words that is given none, by layer name.

    Words that occur equally often are in the order of their code points. Relative paths start at `base`.

    Raises:
        SpecError: the network cannot be built.
        UserError, EnvironmentProblem: the data cannot be had, or hold no text where the spec says so.
    """
    from netwright.compiler.layers.bag_of_words import BagOfWords, words_of

    wanted = {
        entry.name: (entry.from_[0], entry.layer)
        for entry in spec.layers
        if isinstance(entry.layer, BagOfWords) and entry.layer.vocabulary is None
    }
    if not wanted or spec.data is None:
        return {}
    texts = _training_texts(spec, base, {source for source, _ in wanted.values()})
    found = {}
    for name, (source, layer) in wanted.items():
        counts: Counter[str] = Counter()
        for text in texts[source]:
            counts.update(words_of(text))
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        found[name] = tuple(ordered[: layer.size])
    return found


def _training_texts(spec: Spec, base: Path, names: set[str]) -> dict[str, list[str]]:
    """The texts of each input, of the very rows that training will see: the same columns are read, so that the same
    rows are dropped and the same split is made."""
    from netwright.compiler.manifest import data_columns
    from netwright.runtime.data.plan import load_partitions

    assert spec.data is not None
    columns = data_columns(spec)
    plan = {"source": spec.data.source, "split": vars(spec.data.split)}
    train = load_partitions(plan, columns["features"], columns["targets"], base).train
    rows = train.take(slice(None))
    return {name: rows[name].tolist() for name in names}
