"""The trigram that `word_lm` is compared with is the one of NLTK."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

FILE = Path(__file__).parents[2] / "benchmarks" / "word_lm.py"


@pytest.fixture(scope="module")
def word_lm() -> ModuleType:
    spec = importlib.util.spec_from_file_location("word_lm", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["word_lm"] = module
    spec.loader.exec_module(module)
    return module


def made_up(count: int, seed: int) -> list[int]:
    """A stream over 0 … 7 in which some tokens follow others more often."""
    generator, tokens = random.Random(seed), [0, 1, 2]
    for _ in range(count):
        tokens.append(generator.choice([(tokens[-1] + tokens[-2]) % 8, generator.randrange(8), generator.randrange(3)]))
    return [*tokens, 0, 1, 2]


def test_probabilities_are_those_of_nltk(word_lm: ModuleType) -> None:
    stream = made_up(150, 0)
    theirs = KneserNeyInterpolated(order=3, discount=0.6)
    theirs.fit([list(everygrams(list(map(str, stream)), max_len=3))], vocabulary_text=list(map(str, range(8))))
    ours = word_lm.KneserNey(stream, 8, (0.0, 0.6, 0.6))
    for context in [(0, 1), (1, 2), (7, 7), (5, 0)]:
        for token in range(8):
            expected = theirs.score(str(token), [str(part) for part in context])
            assert ours.probability(token, context) == pytest.approx(expected, rel=1e-9)


def test_probabilities_add_up_to_one_and_make_the_perplexity(word_lm: ModuleType) -> None:
    model = word_lm.KneserNey(made_up(300, 1), 10)
    for context in [(0, 1), (7, 7), (9, 9), (0, 9)]:
        assert sum(model.probability(token, context) for token in range(10)) == pytest.approx(1)
        assert min(model.probability(token, context) for token in range(10)) > 0
    tokens = made_up(20, 2)
    logs = [math.log(model.probability(c, (a, b))) for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False)]
    assert model.perplexity(tokens) == pytest.approx(math.exp(-sum(logs) / len(logs)))
