"""The tagger of the Brown corpus, on a few of its sentences always, in full for the page of models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from netwright.cli.specs import compile_loaded, load_spec
from netwright.runtime import Predictor, select
from netwright.runtime.data import build_source
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.predictor import open_model
from support.bundles import ROOT
from support.figures import VARIABLE, Figures
from support.requirements import missing
from support.trained import Trained

in_full = [
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full"),
    pytest.mark.timeout(3600),
]


def trained(folder: Path, *overrides: str) -> Trained:
    """Compiled with tokenizers for its texts, and trained."""
    compile_loaded(load_spec("pos_tagger", overrides)).write(folder)
    return Trained.of(folder)


def columns_of_words(part: str, rows: int, file: Path) -> Path:
    """Sentences of the Brown corpus from every category, a word a line."""
    if missing_file("brown"):
        missing("the Brown corpus", "netwright fetch brown")
    columns = getattr(build_source("brown").load(Path()), part)
    found = columns.take(np.linspace(0, columns.rows - 1, rows).astype(np.int64))
    sentences = zip(found["text"].tolist(), found["tags"].tolist(), strict=True)
    pairs = ([f"{word} {tag}" for word, tag in zip(t.split(), g.split(), strict=True)] for t, g in sentences)
    file.write_text("\n\n".join("\n".join(lines) for lines in pairs) + "\n", encoding="utf-8")
    return file


def test_a_few_sentences_teach_the_usual_tags(tmp_path: Path) -> None:
    """And what `predict` writes is one tag a word, whatever else is in the batch."""
    train = columns_of_words("train", 1200, tmp_path / "train.conll")
    test = columns_of_words("test", 200, tmp_path / "test.conll")
    source = f"data.source={{conll: {{path: {train}, test: {test}, comments: false}}}}"
    quick = ("training.optimizer=adam: {learning_rate: 0.01}", "training.epochs=4", "training.batch_size=16")
    run = trained(tmp_path / "bundle", source, "constants.width=24", *quick)
    assert run.test("accuracy") >= 0.6
    predictor = Predictor(open_model(run.run), select("cpu"))
    sentences = ["The jury said it did .", "Of the people"]
    found = predictor.predict_texts({"text": sentences})["tags"].tolist()
    assert [len(tags.split()) for tags in found] == [6, 3]
    assert found[1].split()[:2] == ["in", "at"]
    assert predictor.predict_texts({"text": sentences[1:]})["tags"].tolist() == found[1:]


@pytest.mark.parametrize("full", [pytest.param(True, marks=in_full)])
def test_19_of_20_words_get_the_right_tag(tmp_path: Path, figures: Figures, full: bool) -> None:
    assert full
    run = trained(tmp_path / "bundle")
    assert run.test("accuracy") >= 0.95
    script = ROOT / "benchmarks" / "pos_tagger.py"
    done = subprocess.run([sys.executable, str(script), str(run.run)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain, own = (float(share) for share in re.findall(r": ([\d.]+)% of [\d,]+ words right", done.stdout))
    assert own == pytest.approx(100 * run.test("accuracy"), abs=0.01)
    figure = f"{own:.2f}% of the test words right; the most frequent tag of each word: {plain:.2f}%"
    figures.add("pos_tagger", figure, run.summary.seconds)
