"""Strips of digits, aligned by themselves, and vectors of words: briefly always, in full for the page of models."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from netwright.runtime import best_path
from netwright.runtime.data.fetch import missing_file
from support.bundles import ROOT
from support.figures import VARIABLE, Figures
from support.requirements import missing
from support.trained import Train, Trained

in_full = [
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full"),
    pytest.mark.timeout(3600),
]


def test_short_strips_are_read_after_a_few_passes(trained: Train) -> None:
    """Strips of one or two digits; what is read by the helper is what the metric counts."""
    source = "data.source.digit_strips={rows: 1500, test_rows: 200, fewest: 1, most: 2}"
    run = trained("digit_strips_ctc", source, "training.epochs=6")
    assert run.test("exact_labels") >= 0.7
    assert run.data.test is not None
    test = run.data.test.take(slice(None))
    logits = run.predict(strip=test["strip"], columns=test["columns"])["output"]
    read = best_path(logits, lengths=test["columns"], blank=10)
    pairs = zip(read, test["digits"], test["digit_count"], strict=True)
    exact = np.mean([list(found) == list(row[:count]) for found, row, count in pairs])
    assert exact == pytest.approx(run.test("exact_labels"))


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_nine_of_ten_strips_are_read_without_a_mistake(trained: Train, figures: Figures, full: bool) -> None:
    assert full
    run = trained("digit_strips_ctc")
    assert run.test("exact_labels") >= 0.9
    figures.add("digit_strips_ctc", f"{run.test('exact_labels'):.1%} of the test strips exact", run.summary.seconds)


def words_of(run: Trained, *words: str) -> str:
    """What examples/python/word2vec.py prints of a run."""
    if missing_file("brown"):
        missing("the Brown corpus", "netwright fetch brown")
    script = ROOT / "examples" / "python" / "word2vec.py"
    command = [sys.executable, "-W", "error", str(script), str(run.run), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_few_pairs_of_words_teach_something(trained: Train) -> None:
    if missing_file("brown"):
        missing("the Brown corpus", "netwright fetch brown")
    source = "data.source.brown_skip_grams={vocabulary: 500, rows: 100000, threshold: 1e-3}"
    rate = "training.optimizer.adam.learning_rate=1e-2"
    run = trained("word2vec", "constants.words=500", source, "training.epochs=2", rate)
    prior = np.log(6) - 5 / 6 * np.log(5)  # who knows only that one of six candidates is near
    assert run.final("loss") < prior - 0.005
    lines = words_of(run, "he", "his").splitlines()
    assert [line.split(":")[0] for line in lines] == ["he", "his"]
    assert all(re.fullmatch(r"\w+: [^,]+(, [^,]+){5}", line) for line in lines)


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_words_have_neighbours_of_their_kind(trained: Train, figures: Figures, full: bool) -> None:
    assert full
    run = trained("word2vec")
    printed = words_of(run)
    found = re.search(r"(\d+) of (\d+)\n$", printed)
    assert found is not None
    days = {"tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
    near_monday = set(printed.split("\n", 1)[0].removeprefix("monday: ").split(", "))
    assert len(days & near_monday) >= 3
    figure = f"near monday: {', '.join(sorted(days & near_monday))}; {found[1]} of {found[2]} analogies"
    figures.add("word2vec", figure, run.summary.seconds)
