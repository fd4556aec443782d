"""The tags that `pos_tagger` is compared with."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "pos_tagger.py"


@pytest.fixture(scope="module")
def pos_tagger() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pos_tagger", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pos_tagger"] = module
    spec.loader.exec_module(module)
    return module


def sentence(text: str) -> tuple[list[str], list[str]]:
    pairs = [pair.split("/") for pair in text.split()]
    return [word for word, _ in pairs], [tag for _, tag in pairs]


def test_each_word_gets_its_most_frequent_tag(pos_tagger: ModuleType) -> None:
    seen = ["the/at run/nn", "they/ppss run/vb the/at run/nn", "run/vb The/np saw/vbd saw/nn"]
    baseline = pos_tagger.MostFrequentTag(map(sentence, seen))
    assert baseline.otherwise == "nn"
    words = ["the", "The", "run", "saw", "jury"]
    assert baseline.tags(words) == ["at", "np", "nn", "nn", "nn"], "the first of equally frequent ones"


def test_words_never_seen_are_judged_apart(pos_tagger: ModuleType) -> None:
    score = pos_tagger.Score()
    score.add(sentence("the/at jury/nn ran/vbd"), ["at", "nn", "nn"], {"the"})
    assert str(score) == "66.67% of 3 words right, 50.00% of the 2 never seen in training"
    alone = pos_tagger.Score()
    alone.add(sentence("the/at"), ["at"], {"the"})
    assert str(alone) == "100.00% of 1 words right"
