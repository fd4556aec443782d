"""Specs that read texts: on a page of this repository always, on their own data when the page of models is written."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from netwright.cli.specs import compile_loaded, load_spec
from netwright.runtime import Partitions, train
from netwright.runtime.data import build_source
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.fetch import missing_file
from support.bundles import ROOT
from support.figures import VARIABLE, Figures
from support.requirements import missing
from support.trained import Trained

in_full = [
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full"),
    pytest.mark.timeout(3600),
]
PAGES = f"data.source={{text_lines: {{path: {ROOT}/docs/bundle.md, test: {ROOT}/docs/cuda.md}}}}"
SHORT = ("constants.width=24", "training.epochs=2", "training.optimizer={adam: {learning_rate: 0.02}}", PAGES)

TrainTexts = Callable[..., Trained]


@pytest.fixture
def train_texts(tmp_path: Path) -> TrainTexts:
    """Compile a spec as the command line does, tokenizers fitted, and train it."""

    def train_it(name: str, *overrides: str, partitions: Partitions | None = None) -> Trained:
        folder = tmp_path / f"{name}.bundle"
        compile_loaded(load_spec(name, overrides)).write(folder)
        run = tmp_path / f"{name}.run"
        return Trained(run, train(folder, run, partitions=partitions))

    return train_it


def need(data: str) -> None:
    if missing_file(data):
        missing(data, f"netwright fetch {data}")


def test_a_page_teaches_characters(train_texts: TrainTexts) -> None:
    run = train_texts("char_lstm", *SHORT, "training.epochs=6", "data.windows={length: 32, evaluation_length: 128}")
    assert run.test("loss") < 2.9, "ln 80 is 4.4"


def test_a_page_teaches_characters_by_attention(train_texts: TrainTexts) -> None:
    smaller = ("constants={width: 24, depth: 2, heads: 2, context: 32}", "training.batch_size=16", SHORT[2], PAGES)
    run = train_texts("gpt_mini", *smaller, "training.epochs=6")
    assert run.test("loss") < 2.9, "ln 80 is 4.4"


def test_a_page_teaches_words(train_texts: TrainTexts) -> None:
    run = train_texts("word_lm", *SHORT, "data.windows={length: 16}", "tokenizers.words.size=300")
    assert run.test("perplexity") < 60, "of 300 words"


def test_some_mails_teach_what_spam_is(train_texts: TrainTexts) -> None:
    need("spam_assassin")
    mails = build_source("spam_assassin").load(Path()).train
    parts = [ArrayColumns(dict(mails.take(slice(start, None, 25)))) for start in (0, 5)]
    overrides = ("inputs.text.tokens={by: words, longest: 60}", "training.epochs=5", "training.batch_size=16")
    steady = "training.optimizer={adam: {learning_rate: 0.01}}"
    run = train_texts("spam_rnn", *overrides, steady, partitions=Partitions(parts[0], None, parts[1]))
    assert run.test("accuracy") > 0.85, "69 % are no spam"


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_char_lstm_needs_at_most_155_hundredths_of_a_nat(full: bool, train_texts: TrainTexts, figures: Figures) -> None:
    need("shakespeare")
    run = train_texts("char_lstm")
    assert run.test("loss") <= 1.55
    figures.add("char_lstm", f"{run.test('loss'):.3f} nats a character of the test plays", run.summary.seconds)


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_gpt_mini_needs_at_most_160_hundredths_of_a_nat(full: bool, train_texts: TrainTexts, figures: Figures) -> None:
    need("shakespeare")
    run = train_texts("gpt_mini")
    assert run.test("loss") <= 1.60
    figures.add("gpt_mini", f"{run.test('loss'):.3f} nats a character of the test plays", run.summary.seconds)


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_word_lm_is_less_perplexed_than_a_trigram(full: bool, train_texts: TrainTexts, figures: Figures) -> None:
    need("brown")
    spec = importlib.util.spec_from_file_location("word_lm", ROOT / "benchmarks" / "word_lm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = train_texts("word_lm")
    trigram = module.trigram_perplexity(run.run)
    assert run.test("perplexity") < trigram
    text = (
        f"perplexity of the test files {run.test('perplexity'):.1f}; an interpolated Kneser–Ney trigram: {trigram:.1f}"
    )
    figures.add("word_lm", text, run.summary.seconds)


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_spam_rnn_is_right_about_98_percent_of_the_mails(full: bool, train_texts: TrainTexts, figures: Figures) -> None:
    need("spam_assassin")
    run = train_texts("spam_rnn")
    assert run.test("accuracy") >= 0.98
    right, recall = run.test("accuracy"), run.test("recall")
    figures.add("spam_rnn", f"{right:.1%} of the test mails right, recall {recall:.1%}", run.summary.seconds)
