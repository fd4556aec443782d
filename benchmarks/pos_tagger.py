"""The accuracy of a trained `pos_tagger` beside that of the most frequent tag of each word, on the same test files.

    python benchmarks/pos_tagger.py runs/pos_tagger

The baseline counts the tags of each word, as it is written, in the training files, and gives each word of the test
files its most frequent one; words it never saw get the tag that is most frequent of all. Among tags that are equally
frequent it takes the first in the order of code points. Words never seen are judged apart as well.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.runtime import Predictor, select
from netwright.runtime.data.plan import load_partitions
from netwright.runtime.data.text import text_array
from netwright.runtime.run_folder import RunFolder

Sentence = tuple[list[str], list[str]]
"""Words, and as many tags."""


class MostFrequentTag:
    """What a word is most often in the training sentences."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        every: Counter[str] = Counter()
        for words, tags in sentences:
            every.update(tags)
            for word, tag in zip(words, tags, strict=True):
                counts[word][tag] += 1
        self.known = {word: _most_frequent(tags) for word, tags in counts.items()}
        self.otherwise = _most_frequent(every)

    def tags(self, words: Sequence[str]) -> list[str]:
        """A tag for each word."""
        return [self.known.get(word, self.otherwise) for word in words]


def _most_frequent(tags: Counter[str]) -> str:
    return min(tags, key=lambda tag: (-tags[tag], tag))


@dataclass
class Score:
    """How many words have the right tag: of all, and of those that were not among the training words."""

    words: int = 0
    right: int = 0
    new: int = 0
    new_right: int = 0

    def add(self, sentence: Sentence, found: Sequence[str], known: Iterable[str]) -> None:
        """Compare the tags found for a sentence with its own."""
        for word, tag, own in zip(sentence[0], found, sentence[1], strict=True):
            self.words += 1
            self.right += tag == own
            if word not in known:
                self.new += 1
                self.new_right += tag == own

    def __str__(self) -> str:
        of_new = f", {self.new_right / self.new:.2%} of the {self.new:,} never seen in training" if self.new else ""
        return f"{self.right / self.words:.2%} of {self.words:,} words right{of_new}"


def sentences_of(run: Path, part: str) -> list[Sentence]:
    """The sentences of a part of the run's data, without any tokenizer."""
    folder = RunFolder(run)
    manifest = folder.trained_bundle().manifest
    assert manifest.data is not None
    entries = [{"name": name, "dtype": "string", "shape": [], "column": name} for name in ("text", "tags")]
    parts = load_partitions(manifest.data, entries, [], folder.base() or Path()).by_name()
    rows = parts[part].take(slice(None))
    return [
        (text.split(), tags.split()) for text, tags in zip(*(rows[n].tolist() for n in ("text", "tags")), strict=True)
    ]


def tagged_by(run: Path, sentences: Sequence[Sentence]) -> list[list[str]]:
    """The tags that the run's network gives."""
    predictor = Predictor(RunFolder(run).trained_bundle(), select("cpu"), batch_size=64)
    # In order of length, so that little is padding.
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row][0]))
    found: dict[int, list[str]] = {}
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        tags = predictor.predict_texts({"text": text_array(" ".join(sentences[row][0]) for row in rows)})["tags"]
        found.update(zip(rows, (text.split() for text in tags.tolist()), strict=True))
    return [found[row] for row in range(len(sentences))]


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    baseline = MostFrequentTag(sentences_of(run, "train"))
    test = sentences_of(run, "test")
    plain, network = Score(), Score()
    for sentence in test:
        plain.add(sentence, baseline.tags(sentence[0]), baseline.known)
    print(f"most frequent tag of each word: {plain}", flush=True)
    for sentence, found in zip(test, tagged_by(run, test), strict=True):
        network.add(sentence, found, baseline.known)
    print(f"{run}: {network}")


if __name__ == "__main__":
    main()
