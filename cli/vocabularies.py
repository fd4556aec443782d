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
    """The texts of each input, of the rows that training will see."""
    from netwright.runtime.data.plan import load_partitions

    assert spec.data is not None
    columns = spec.data.columns
    features = [{"name": name, "dtype": "string", "shape": [], "column": columns.get(name, name)} for name in names]
    split = vars(spec.data.split)
    targets = []
    if split["stratify"] is not None:
        targets = [{"name": split["stratify"], "dtype": "int64", "shape": [], "column": split["stratify"]}]
    partitions = load_partitions({"source": spec.data.source, "split": split}, features, targets, base)
    rows = partitions.train.take(slice(None))
    return {name: rows[name].tolist() for name in names}
