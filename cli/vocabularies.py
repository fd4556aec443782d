"""Fit vocabularies and tokenizers to the training texts before compiling: the graphs are for their words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from netwright.compiler import Spec
    from netwright.compiler.tokenizer_files import TokenizerFile


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


def fit_tokenizers(spec: Spec, base: Path) -> dict[str, TokenizerFile]:
    """The spec's tokenizers, each fitted to the training texts of all inputs and targets that it serves.

    Raises: as `fit_vocabularies`; EnvironmentProblem also where byte pairs lack their library.
    """
    from netwright.compiler.tokenizer_files import TokenizerFile
    from netwright.runtime.tokenizers.fitting import fit_tokenizer
    from netwright.runtime.tokenizers.tokenizer import tokenizer_of

    uses = {name: tokens.by for name, tokens in spec.texts.items()}
    if not uses or spec.data is None:
        return {}
    texts = _training_texts(spec, base, set(uses))
    found = {}
    for name in dict.fromkeys(uses.values()):
        settings = spec.tokenizers[name]
        of_all = [text for used, by in uses.items() if by == name for text in texts[used]]
        content = fit_tokenizer(
            of_all,
            settings.level,
            size=settings.size,
            minimum_count=settings.minimum_count,
            lower=settings.lower,
        )
        found[name] = TokenizerFile(content, tokenizer_of(content, f"the tokenizer '{name}'").size)
    return found


def training_windows(spec: Spec, base: Path, tokenizers: Mapping[str, TokenizerFile]) -> int:
    """How many windows of text an epoch of training goes through."""
    from netwright.compiler.manifest import data_entry
    from netwright.runtime.data.tokens import WindowPlan, encode_texts
    from netwright.runtime.manifest import TokenPlan
    from netwright.runtime.tokenizers.tokenizer import tokenizer_of

    (item,) = (item for item in spec.inputs if item.tokens is not None)
    assert item.tokens is not None
    tokenizer = tokenizer_of(tokenizers[item.tokens.by].content, f"the tokenizer '{item.tokens.by}'")
    plan = TokenPlan(item.tokens.by, item.tokens.begin, item.tokens.end, item.tokens.longest)
    tokens = sum(map(len, encode_texts(_training_texts(spec, base, {item.name})[item.name], tokenizer, plan)))
    return len(WindowPlan.from_manifest(data_entry(spec)["windows"]).starts(tokens, training=True))


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
