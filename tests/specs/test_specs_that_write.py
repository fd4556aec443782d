"""The specs that read something and write about it: short trainings always, the figures when the page is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from netwright.cli.library import library
from netwright.cli.specs import compile_loaded, load_spec
from netwright.compiler.ir import Array
from netwright.runtime import Generator, Greedy, predict
from netwright.runtime.data import build_source
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.data.split import split_rows
from support.bundles import ROOT
from support.figures import VARIABLE, Figures
from support.requirements import missing
from support.trained import Trained

image_module = pytest.importorskip("PIL.Image")
in_full = pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full")
FEW_LETTERS = (
    "data.source={letter_sequences: {rows: 3000, test_rows: 300, alphabet: abcdefgh, shortest: 3, longest: 6}}"
)


Train = Callable[..., Trained]


@pytest.fixture
def trained(tmp_path: Path) -> Train:
    """Compile a spec, with changes and with its tokenizers fitted to the data, and train it."""

    def train_it(given: str | Path, *overrides: str) -> Trained:
        folder = tmp_path / f"bundle{len(list(tmp_path.iterdir()))}"
        compile_loaded(load_spec(str(given), overrides)).write(folder)
        return Trained.of(folder)

    return train_it


def written(run: Path, feature: str, rows: Sequence[str] | Array, longest: int = 40) -> list[str]:
    """What a run writes about each row, by greedy choice."""
    given = rows if isinstance(rows, np.ndarray) else list(rows)
    found = Generator.load(run).generate_batch([""] * len(rows), Greedy(), length=longest, given={feature: given})
    return [text or "" for ((text),) in ([one.text for one in each] for each in found)]


def shares_exact(run: Trained, source: object, feature: str, answer: str) -> float:
    test = build_source(source).load(Path()).test
    assert test is not None
    rows = test.take(slice(None))
    found = written(run.run, feature, rows[feature])
    return float(np.mean([one == other for one, other in zip(found, rows[answer].tolist(), strict=True)]))


def test_few_letters_are_reversed(trained: Train) -> None:
    run = trained("reverse", FEW_LETTERS, "training.epochs=6", "training.batch_size=32")
    source = {"letter_sequences": {"rows": 3000, "test_rows": 300, "alphabet": "abcdefgh", "shortest": 3, "longest": 6}}
    assert shares_exact(run, source, "letters", "answer") >= 0.95


@in_full
@pytest.mark.timeout(3600)
def test_letters_are_reversed(trained: Train, figures: Figures) -> None:
    run = trained("reverse")
    share = shares_exact(run, {"letter_sequences": {"rows": 40000}}, "letters", "answer")
    assert share >= 0.99
    figures.add("reverse", f"{share:.1%} of the test rows reversed without a mistake", run.summary.seconds)


def need(data: str) -> None:
    if missing_file(data) and data == "bible_verses":  # only Debian's kin have it
        pytest.skip(f"{data} is missing; install it with: netwright fetch {data}")
    if missing_file(data):
        missing(data, f"netwright fetch {data}")


def test_a_few_canvases_teach_how_captions_go(trained: Train, tmp_path: Path) -> None:
    """Little of what is seen, but the words in their order; and the example draws what was looked at for each word."""
    need("mnist")
    run = trained(
        "caption",
        "data.source={captioned_digits: {rows: 600, test_rows: 40}}",
        "constants={width: 32, filters: 4}",
        "training.epochs=6",
        "training.batch_size=16",
        "training.optimizer={adam: {learning_rate: 5e-3}}",
    )
    assert run.test("accuracy") >= 0.6
    images = np.zeros((2, 64, 64), np.uint8)
    assert all(text.split()[0] in ("a", "an") for text in written(run.run, "image", images))
    maps = predict(run.run, {"image": images, "caption": ["a one above a two", "a one"]})["attention"]
    assert maps.shape == (2, 6, 64)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, rtol=1e-4)
    np.save(tmp_path / "canvas.npy", images[0])
    script = ROOT / "examples" / "python" / "attention_maps.py"
    command = [sys.executable, str(script), str(run.run / "bundle"), str(tmp_path / "canvas.npy")]
    done = subprocess.run([*command, str(tmp_path / "maps.png")], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (caption,) = written(run.run, "image", images[:1], 20)
    assert done.stdout == f"{caption}\n"
    with image_module.open(tmp_path / "maps.png") as picture:
        assert picture.size == (128 * len(caption.split()), 144)


@in_full
@pytest.mark.timeout(3600)
def test_captions_say_what_is_on_the_canvas(trained: Train, figures: Figures) -> None:
    need("mnist")
    run = trained("caption")
    share = shares_exact(run, "captioned_digits", "image", "caption")
    assert share >= 0.9
    figures.add("caption", f"{share:.1%} of the test captions without a mistake", run.summary.seconds)


WITHOUT_ATTENTION = (
    ("  - attention: {memory: memory, lengths: english_length, name: context}\n", ""),
    ("  - concat: {from: [asking, context]}\n", ""),
    ("  attention: {attention: {from: asking, memory: memory, lengths: english_length, return: weights}}\n", ""),
)
"""What is left out of `translate` for the network that it is compared with."""


def test_the_network_without_attention_differs_in_nothing_else() -> None:
    text = library()["translate"].path.read_text(encoding="utf-8")
    assert [text.count(old) for old, _ in WITHOUT_ATTENTION] == [1, 1, 1]


@in_full
@pytest.mark.timeout(3600)
def test_attention_translates_better_than_a_fixed_vector(trained: Train, figures: Figures, tmp_path: Path) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    need("bible_verses")
    run = trained("translate")
    text = library()["translate"].path.read_text(encoding="utf-8")
    for old, new in WITHOUT_ATTENTION:
        text = text.replace(old, new)
    (tmp_path / "without.yaml").write_text(text, encoding="utf-8")
    other = trained(tmp_path / "without.yaml")
    rows = build_source({"bible_verses": {"most_words": 15}}).load(Path()).train.take(slice(None))
    chosen = _test_rows(len(rows["english"]))
    english, spanish = rows["english"][chosen].tolist(), rows["spanish"][chosen].tolist()
    scores = {}
    for name, one in (("attention", run), ("vector", other)):
        texts = written(one.run, "english", english)
        scores[name] = [measure(texts, [spanish]).score for measure in (sacrebleu.corpus_bleu, sacrebleu.corpus_chrf)]
    (bleu, chrf), (less_bleu, less_chrf) = scores["attention"], scores["vector"]
    assert bleu > 1.2 * less_bleu
    assert chrf > less_chrf + 1
    figure = f"BLEU {bleu:.1f}, chrF {chrf:.1f}; without attention {less_bleu:.1f} and {less_chrf:.1f}"
    figures.add("translate", figure, run.summary.seconds)


def _test_rows(rows: int) -> Array:
    """The rows that the spec sets apart for the test."""
    test, _ = split_rows(rows, [0.08], 0)
    return test
