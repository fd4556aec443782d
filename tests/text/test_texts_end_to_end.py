"""From texts to a trained bundle by the command line: windows, labelled texts, tags; resuming; predicting from text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from netwright.cli.main import app
from netwright.runtime import load_bundle, predict, train
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.errors import UserError

VERSE = "the cat sat on the mat\nthe dog sat on the cat\n" * 30

LANGUAGE_MODEL = """\
netwright: 1
name: verse
tokenizers: {characters: char}
inputs:
  text: {shape: [time], dtype: int64, tokens: characters}
network:
  - embedding:
      vocabulary: ${characters}
      units: 8
  - gru: {units: 32, stateful: true}
  - dense:
      units: ${characters}
      name: logits
outputs:
  probabilities: {softmax: {from: logits}}
training:
  loss: categorical_cross_entropy
  optimizer: {adam: {learning_rate: {cosine: 0.03}}}
  epochs: 10
  batch_size: 4
  metrics: [perplexity]
data:
  source: {text_lines: {path: verse.txt, test: more.txt}}
  shuffle: false
  windows: {length: 10, evaluation_length: 40}
"""

LABELLED = """\
netwright: 1
name: praise
tokenizers: {words: {level: word, lower: true, minimum_count: 2}}
inputs:
  text: {shape: [time], dtype: int64, tokens: {by: words, longest: 6}}
  length: {shape: [], dtype: int64, length_of: text}
network:
  - embedding:
      vocabulary: ${words}
      units: 8
      from: text
  - gru: {units: 8, return: last, lengths: length}
  - dense: {units: 1, name: logit}
outputs:
  good: {sigmoid: {from: logit}}
training:
  loss: {binary_cross_entropy: {target: label, from: logit}}
  optimizer: {adam: {learning_rate: 0.02}}
  epochs: 12
  batch_size: 8
  metrics: [accuracy]
data:
  source: {text_lines: {path: reviews.txt, label_end: ":"}}
  bucket_by: length
"""

TAGGER = """\
netwright: 1
name: tagger
tokenizers: {words: {level: space, lower: true}, letters: {level: char, lower: true}, tags: space}
inputs:
  text: {shape: [time], dtype: int64, tokens: words}
  letters: {shape: [time, letter], dtype: int64, tokens: letters}
  length: {shape: [], dtype: int64, length_of: text}
network:
  - embedding:
      vocabulary: ${words}
      units: 8
      from: text
  - gru: {units: 8, bidirectional: true, lengths: length}
  - dense:
      units: ${tags}
      name: logits
training:
  loss: {categorical_cross_entropy: {target: tags, from: logits, lengths: length}}
  optimizer: {adam: {learning_rate: 0.05}}
  epochs: 8
  batch_size: 4
  metrics: [accuracy]
data:
  source: {conll: tagged.conll}
  columns: {letters: text}
  tokens: {tags: tags}
"""


def run_cli(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="netwright", catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with texts and specs."""
    monkeypatch.chdir(tmp_path)
    Path("verse.txt").write_text(VERSE)
    Path("more.txt").write_text("the cat sat on the dog\nthe mat sat on the cat\n")
    reviews = [f"good: what a Fine, fine play {n}\nbad: a poor play, that\n" for n in range(20)]
    Path("reviews.txt").write_text("".join(reviews))
    Path("tagged.conll").write_text("# ten times\n" + "the\tDT\ncat\tNN\nsat\tVB\n\nDogs\tNN\nsat\tVB\n\n" * 10)
    Path("verse.yaml").write_text(LANGUAGE_MODEL)
    Path("praise.yaml").write_text(LABELLED)
    Path("tagger.yaml").write_text(TAGGER)
    return tmp_path


def test_a_language_model(folder: Path) -> None:
    result = run_cli("train", "verse.yaml", "-o", "run")
    assert result.exit_code == 0, result.output
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["test"]["loss"] < 1.0
    assert summary["test"]["perplexity"] == pytest.approx(np.exp(summary["test"]["loss"]))
    bundle = load_bundle("run/bundle")
    tokenizer = bundle.tokenizer("text")
    assert tokenizer.size == bundle.manifest.outputs[0].shape[-1] == len(set(VERSE) - {"\n"}) + 4
    given = np.array(["the cat ", "the"])
    probabilities = predict("run", {"text": given})["probabilities"]
    assert probabilities.shape == (2, 8, tokenizer.size)
    numbers = np.array([tokenizer.encode("the cat ")])
    np.testing.assert_allclose(predict("run", {"text": numbers})["probabilities"][0], probabilities[0], rtol=1e-5)
    assert tokenizer.decode([int(probabilities[0, -1].argmax())]) in "so"


def test_a_resumed_run_ends_in_the_same_bits_or_refuses_other_texts(folder: Path) -> None:
    assert run_cli("compile", "verse.yaml", "-o", "bundle").exit_code == 0
    whole = train("bundle", "whole", base=folder, device="cpu")
    run_cli("compile", "verse.yaml", "--set", "training.epochs=4", "-o", "begun")
    train("begun", "parts", base=folder, device="cpu")
    resumed = train("bundle", "parts", base=folder, device="cpu", resume=True)
    assert resumed.steps == whole.steps
    Path("verse.txt").write_text(VERSE.replace("mat", "zat"))
    run_cli("compile", "verse.yaml", "-o", "other")
    with pytest.raises(UserError) as caught:
        train("other", "parts", base=folder, device="cpu", resume=True)
    assert caught.value.message == (
        "parts: the training texts have changed since the run began, so its weights are for other words:"
        "\n  'characters' was fitted to 16 tokens, now to others"
    )


def test_killed_in_an_epoch_and_resumed_by_the_command(folder: Path) -> None:
    """Windows of streams come in the same order again, and the states that stateful layers carry are kept."""
    from netwright.runtime import Callback, StepDone

    class Stop(Callback):
        def on_step(self, event: StepDone) -> None:
            if event.step == 13:
                raise KeyboardInterrupt

    from netwright.runtime import TrainOptions

    assert run_cli("compile", "verse.yaml", "-o", "bundle").exit_code == 0
    train("bundle", "whole", base=folder, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(
            "bundle",
            "run",
            base=folder,
            device="cpu",
            callbacks=[Stop()],
            options=TrainOptions(checkpoint_steps=5, checkpoint_seconds=None),
        )
    train("bundle", "run", base=folder, device="cpu", resume=True)
    one, other = (load_checkpoint(Path(name) / "checkpoints/last.safetensors").state for name in ("whole", "run"))
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_labelled_texts_in_batches_of_similar_length(folder: Path) -> None:
    result = run_cli("train", "praise.yaml", "-o", "run")
    assert result.exit_code == 0, result.output
    assert json.loads(Path("run/summary.json").read_text())["train"]["accuracy"] == 1
    texts = np.array(["what a FINE play", "that poor play"])
    alone = [float(predict("run", {"text": texts[i : i + 1]})["good"][0, 0]) for i in range(2)]
    together = predict("run", {"text": texts})["good"][:, 0]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert (together[0] > 0.5) != (together[1] > 0.5)
    Path("given.csv").write_text('text\n"what a FINE play"\nthat poor play\n')
    result = run_cli("predict", "run", "--input", "given.csv")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose([float(line) for line in result.output.split()[1:]], together, rtol=1e-4)


def test_tagged_sentences(folder: Path) -> None:
    Path("tagger.yaml").write_text(TAGGER.replace("  - gru", "  - dense: {units: 8, from: embedding1}\n  - gru"))
    result = run_cli("train", "tagger.yaml", "-o", "run")
    assert result.exit_code == 0, result.output
    assert json.loads(Path("run/summary.json").read_text())["train"]["accuracy"] == 1
    bundle = load_bundle("run/bundle")
    outputs = predict("run", {"text": np.array(["the dogs sat"]), "letters": np.array(["the dogs sat"])})["output"]
    assert bundle.tokenizer("tags").decode(outputs.argmax(-1)[0].tolist()) == "DT NN VB"


def test_tags_that_a_model_chooses(folder: Path) -> None:
    """Sentences in, tags out, as many as words; letters are made of the same text."""
    own = TAGGER.replace("{tags: tags}", "{label: tags}").replace("letters: text", "letters: text, label: tags")
    own = own.replace("target: tags, ", "").replace("[time, letter]", "[time, 4]")
    letters = "  - embedding: {vocabulary: 20, units: 4, from: letters}\n  - reshape: [-1, 16]\n"
    own = own.replace("  - gru", letters + "  - concat: {from: [embedding1, reshape1]}\n  - gru")
    Path("tagger.yaml").write_text(own.replace("training:", "outputs:\n  tags: {argmax: {from: logits}}\ntraining:"))
    result = run_cli("train", "tagger.yaml", "-o", "run")
    assert result.exit_code == 0, result.output
    Path("given.csv").write_text("text\nthe dogs sat\ncat\n")
    result = run_cli("predict", "run", "--input", "given.csv")
    assert result.exit_code == 0, result.output
    assert result.output == "tags\nDT NN VB\nNN\n"
    assert run_cli("predict", "run", "--input", "given.csv", "--output", "found.json").exit_code == 0
    assert json.loads(Path("found.json").read_text()) == {"tags": ["DT NN VB", "NN"]}
    assert run_cli("predict", "run", "--input", "given.csv", "--output", "found.npy").exit_code == 0
    bundle = load_bundle("run/bundle")
    assert [field.tokens_of for field in bundle.manifest.outputs] == ["label"]
    numbers = np.load("found.npy")
    assert numbers.dtype == np.int64
    assert bundle.tokenizer("label").decode(numbers[0].tolist()) == "DT NN VB"
    np.testing.assert_array_equal(predict("run", {"text": ["the dogs sat", "cat"]})["tags"], numbers)


def test_a_tokenizer_larger_than_what_reads_it(folder: Path) -> None:
    Path("verse.yaml").write_text(LANGUAGE_MODEL.replace("      units: ${characters}", "      units: 12"))
    result = run_cli("compile", "verse.yaml", "-o", "bundle")
    assert result.exit_code == 1
    assert result.output == (
        "verse.yaml:3:26: tokenizers.characters: the tokenizer 'characters' has 16 tokens,"
        " but the loss of 'label' knows 12\n  hint: write ${characters} for the number of tokens\n"
    )
    assert not Path("bundle").exists()


def test_without_data_there_is_nothing_to_fit_to(folder: Path) -> None:
    Path("verse.yaml").write_text(LANGUAGE_MODEL[: LANGUAGE_MODEL.index("data:")])
    result = run_cli("compile", "verse.yaml", "-o", "bundle")
    assert result.exit_code == 1
    assert result.output == (
        "verse.yaml:5:3: inputs.text: the tokenizer 'characters' is fitted to the training texts, which are not at hand"
        "\n  hint: add a `data` section that has them\n"
    )


def test_a_bundle_without_its_tokenizer(folder: Path) -> None:
    run_cli("compile", "verse.yaml", "-o", "bundle")
    with pytest.raises(UserError) as caught:
        load_bundle("bundle").tokenizer("nothing")
    assert caught.value.message == "bundle: the bundle has no tokenizer for 'nothing'"
    Path("bundle/tokenizers/characters.json").unlink()
    with pytest.raises(UserError) as caught:
        load_bundle("bundle")
    assert caught.value.message == (
        "bundle: the file 'tokenizers/characters.json' of the tokenizer 'characters' is missing"
    )


def test_tagged_files_that_are_damaged(folder: Path) -> None:
    Path("tagged.conll").write_text("the DT\ncat\n")
    result = run_cli("train", "tagger.yaml", "-o", "run")
    assert result.exit_code == 1
    assert "tagged.conll, line 2: has 1 column, but 'tags' is column 2" in result.output
    Path("tagged.conll").write_text("# nothing\n\n")
    result = run_cli("train", "tagger.yaml", "-o", "run")
    assert "tagged.conll: has no sentences" in result.output
