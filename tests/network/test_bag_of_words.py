"""Text goes in, counts of words are made inside the model, and training graphs take the counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from click.testing import CliRunner
from netwright.cli.main import app
from netwright.compiler import Bundle, SpecError, compile_spec, load_spec, load_spec_text
from netwright.compiler.check import check_spec
from netwright.compiler.layers.bag_of_words import words_of
from netwright.runtime import evaluate, load_bundle, predict, train
from netwright.runtime.data import from_arrays
from netwright.runtime.errors import UserError
from netwright.runtime.partitions import bundle_partitions
from netwright.runtime.prepare import Prepared, Preparer, with_prepared

SPEC = """
netwright: 1
name: texts
inputs: {{text: {{shape: [], dtype: string}}}}
network:
  - bag_of_words: {settings}
  - dense: {{units: 2, name: logits}}
outputs: {{probabilities: {{softmax: {{from: logits}}}}}}
training:
  loss: {{categorical_cross_entropy: {{target: label}}}}
  optimizer: {{adam: {{learning_rate: 0.05}}}}
  metrics: [accuracy]
  epochs: 30
  batch_size: 4
"""
TEXTS = ["Free MONEY now\n\nfree\tX", "hello  World\r\nx", "", " \n ", "Ärger, free"]
CSV = 'text,label\nfree money,1\n"hello\nyou",0\nmoney now,1\nhello hello,0\nget money,1\nsay hello,0\n'


def compiled(settings: str, **options: object) -> Bundle:
    return compile_spec(load_spec_text(SPEC.format(settings=settings), "test.yaml"), **options)  # type: ignore[arg-type]


def counts(folder: Path, bundle: Bundle, texts: list[str]) -> np.ndarray:
    bundle.write(folder)
    preparer = Preparer(load_bundle(folder))
    return preparer({"text": np.array(texts, np.dtypes.StringDType())})["bag_of_words1"]


def test_the_graph_counts_what_words_of_says(tmp_path: Path) -> None:
    vocabulary = ["free", "money", "hello", "x", "world", "Ärger,"]
    got = counts(tmp_path / "b", compiled(f"{{vocabulary: {json.dumps(vocabulary)}}}"), TEXTS)
    expected = [[words_of(text).count(word) for word in vocabulary] for text in TEXTS]
    assert got.tolist() == expected
    assert expected[0] == [2, 1, 0, 1, 0, 0]


def test_binary_counts_every_word_once(tmp_path: Path) -> None:
    got = counts(tmp_path / "b", compiled("{vocabulary: [free, x], binary: true}"), TEXTS)
    assert got.tolist() == [[1, 1], [0, 1], [0, 0], [0, 0], [1, 0]]


def test_a_fitted_vocabulary_may_be_smaller_than_its_size(tmp_path: Path) -> None:
    got = counts(tmp_path / "b", compiled("4", vocabularies={"bag_of_words1": ["x", "free"]}), TEXTS)
    assert got.tolist() == [[1, 2, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4, [0, 1, 0, 0]]


def test_training_graphs_take_counts_and_inference_takes_text() -> None:
    graphs = compiled("{vocabulary: [free]}").manifest["graphs"]
    first = {name: (graph["inputs"][0]["name"], graph["inputs"][0]["role"]) for name, graph in graphs.items()}
    assert first["inference"] == first["prepare"] == ("text", "feature")
    assert first["step"] == first["evaluate"] == first["gradients"] == ("bag_of_words1", "feature")


def test_the_command_line_fits_the_vocabulary_and_the_model_takes_text(tmp_path: Path) -> None:
    (tmp_path / "texts.yaml").write_text(SPEC.format(settings="3") + "data: {source: {csv: texts.csv}}\n")
    (tmp_path / "texts.csv").write_text(CSV)
    command = ["train", str(tmp_path / "texts.yaml"), "-o", str(tmp_path / "run")]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    model = tmp_path / "run" / "bundle" / "inference.onnx"
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    texts = np.array(["Hello there", "MONEY\nnow"], dtype=object)
    (probabilities,) = session.run(["probabilities"], {"text": texts})
    assert probabilities.argmax(1).tolist() == [0, 1]
    np.testing.assert_array_equal(predict(tmp_path / "run", {"text": texts})["probabilities"], probabilities)
    assert evaluate(tmp_path / "run")["train"]["accuracy"] == 1


def test_the_most_frequent_words_are_fitted_ties_in_order(tmp_path: Path) -> None:
    from netwright.cli.vocabularies import fit_vocabularies

    (tmp_path / "texts.yaml").write_text(SPEC.format(settings="4") + "data: {source: {csv: texts.csv}}\n")
    (tmp_path / "texts.csv").write_text(CSV)
    spec = load_spec(tmp_path / "texts.yaml")
    assert fit_vocabularies(spec, tmp_path) == {"bag_of_words1": ("hello", "money", "free", "get")}


def test_words_are_those_of_the_rows_that_train(tmp_path: Path) -> None:
    """Rows are dropped for a target, and the split is stratified by a column of another name."""
    from netwright.cli.vocabularies import fit_vocabularies

    rows = [f"word{i},{'' if i % 5 == 0 else i % 2}" for i in range(40)]
    (tmp_path / "texts.csv").write_text("text,class\n" + "\n".join(rows) + "\n")
    data = (
        "data:\n  source: {csv: {path: texts.csv, missing: {class: drop}}}\n"
        "  columns: {label: class}\n  split: {test: 0.5, stratify: label}\n"
    )
    (tmp_path / "texts.yaml").write_text(SPEC.format(settings="100") + data)
    spec = load_spec(tmp_path / "texts.yaml")
    (words,) = fit_vocabularies(spec, tmp_path).values()
    compile_spec(spec, vocabularies={"bag_of_words1": words}).write(tmp_path / "bundle")
    trained = bundle_partitions(load_bundle(tmp_path / "bundle"), tmp_path).train.take(slice(None))["text"].tolist()
    assert sorted(words) == sorted(trained)
    assert len(words) == 16


def test_nothing_is_fitted_without_need(tmp_path: Path) -> None:
    from netwright.cli.vocabularies import fit_vocabularies

    given = load_spec_text(SPEC.format(settings="{vocabulary: [a]}"))
    without_data = load_spec_text(SPEC.format(settings="3"))
    assert fit_vocabularies(given, tmp_path) == fit_vocabularies(without_data, tmp_path) == {}


def test_python_trains_on_lists_of_text(tmp_path: Path) -> None:
    compiled("{vocabulary: [free, hello]}").write(tmp_path / "bundle")
    data = from_arrays({"text": np.array(["free", "hello"] * 8), "label": np.array([1, 0] * 8)})
    summary = train(tmp_path / "bundle", tmp_path / "run", partitions=data, device="cpu")
    assert summary.train["accuracy"] == 1


def test_prepared_columns_are_kept_or_made_when_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled("{vocabulary: [free, hello]}").write(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    columns = from_arrays({"text": np.array(["free free", "hello"] * 300), "label": np.arange(600)}).train
    kept = with_prepared(bundle, columns)
    monkeypatch.setattr("netwright.runtime.prepare.LARGEST_KEPT", 0)
    lazy = with_prepared(bundle, columns)
    assert isinstance(lazy, Prepared)
    assert (lazy.rows, lazy.names, lazy.row_bytes) == (600, ("text", "label", "bag_of_words1"), None)
    rows = np.array([599, 2, 7])
    for name in lazy.names:
        np.testing.assert_array_equal(kept.take(rows)[name], lazy.take(rows)[name])
    assert lazy.take(rows)["bag_of_words1"].tolist() == [[0, 1], [2, 0], [0, 1]]


def test_a_graph_that_refuses_text_says_so(tmp_path: Path) -> None:
    compiled("{vocabulary: [free]}").write(tmp_path / "bundle")
    preparer = Preparer(load_bundle(tmp_path / "bundle"))
    with pytest.raises(UserError) as error:
        preparer({"text": np.zeros(2, np.float32)})
    assert str(error.value).startswith(f"{tmp_path}/bundle/training/prepare.onnx: ONNX Runtime stopped: ")


MISTAKES = {
    "3": (
        "network[0].bag_of_words: the vocabulary of 'bag_of_words1' is fitted to the training texts, which are not at"
        " hand\n  shapes:\n    test.yaml:4:10: text string(batch)\n    test.yaml:6:5: text → bag_of_words1\n"
        "  hint: make the data available, or write `vocabulary: [...]`"
    )
}


@pytest.mark.parametrize("settings", MISTAKES)
def test_what_cannot_be_compiled(settings: str) -> None:
    with pytest.raises(SpecError) as error:
        compiled(settings)
    assert str(error.value) == f"test.yaml:6:19: {MISTAKES[settings]}"


def test_a_vocabulary_larger_than_its_size_is_refused() -> None:
    with pytest.raises(SpecError) as error:
        compiled("{size: 1}", vocabularies={"bag_of_words1": ["a", "b"]})
    assert "network[0].bag_of_words.size: the fitted vocabulary has 2 words, `size` is 1" in str(error.value)


def test_numbers_are_no_text() -> None:
    text = SPEC.format(settings="{vocabulary: [a]}").replace("shape: [], dtype: string", "shape: [3]")
    with pytest.raises(SpecError) as error:
        compile_spec(load_spec_text(text))
    assert "needs one text an example, received float32(batch, 3)" in str(error.value)
    assert "hint: declare the input with dtype: string" in str(error.value)


def test_a_spec_can_be_checked_without_its_data() -> None:
    check_spec(load_spec_text(SPEC.format(settings="3")))


def test_a_run_goes_on_with_the_words_it_began_with_or_not_at_all(tmp_path: Path) -> None:
    """The weights are for words in an order; the same shapes would take others without a sound."""
    spec = load_spec_text(SPEC.format(settings="3"))

    def words(*found: str) -> Path:
        folder = tmp_path / "-".join(found)
        compile_spec(spec, vocabularies={"bag_of_words1": found}).write(folder)
        return folder

    data = from_arrays({"text": np.array(["free", "hello"] * 8), "label": np.array([1, 0] * 8)})
    run = tmp_path / "run"
    train(words("free", "hello", "now"), run, partitions=data, device="cpu")
    with pytest.raises(UserError) as error:
        train(words("free", "now", "hello"), run, partitions=data, device="cpu", resume=True)
    assert error.value.message == (
        f"{run}: the training texts have changed since the run began, so its weights are for other words:"
        "\n  'bag_of_words1' was fitted to 3 words, now to others"
    )
    assert error.value.hint == "bring the texts back, or train into another folder"
    with pytest.raises(UserError) as error:
        train(words("free", "hello"), run, partitions=data, device="cpu", resume=True)
    assert error.value.message.endswith("\n  'bag_of_words1' was fitted to 3 words, now to 2")
    same = tmp_path / "same"
    compile_spec(spec, vocabularies={"bag_of_words1": ("free", "hello", "now")}).write(same)
    assert train(same, run, partitions=data, device="cpu", resume=True).train["accuracy"] == 1
