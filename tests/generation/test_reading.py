"""Networks that read something before they write: encoded once, then step by step, whatever way tokens are chosen."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import Beam, Generator, Greedy, Sampling, UserError, load_bundle
from netwright.runtime.generation.contract import contract_of
from netwright.runtime.generation.reading import read_given
from support.bundles import Program
from support.language_models import write_translator

SEER = """
netwright: 1
inputs:
  image: {shape: [4, 6], dtype: uint8, preprocess: [{rescale: 0.01}]}
  words: {shape: [time], dtype: int64}
network:
  - embedding: {vocabulary: 9, units: 6, from: words, weight_initializer: {normal: {stddev: 2}}}
  - gru: 6
  - attention: {memory: image}
  - dense: {units: 9, weight_initializer: {normal: {stddev: 2}}, name: logits}
"""


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of an encoder and a decoder with their first weights, which are large; four letters."""
    return write_translator(tmp_path_factory.mktemp("translator") / "bundle")


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seer") / "bundle"
    compile_spec(load_spec_text(SEER)).write(folder)
    return folder


def log_probabilities(folder: Path, source: str, answer: list[int]) -> Any:
    """By the whole network: of each next token after each of the answer's."""
    tokenizer = load_bundle(folder).tokenizer("source")
    feeds = {
        "source": np.array([tokenizer.encode(source)]),
        "source_length": np.array([len(source)]),
        "answer": np.array([answer]),
        "answer_length": np.array([len(answer)]),
    }
    return np.log(Program(folder / "inference.onnx")(feeds)["probabilities"][0])


def test_what_is_written_is_what_the_whole_network_finds_most_probable(translator: Path) -> None:
    """Texts of unequal lengths are read together, padded; each gets what it gets by itself."""
    sources = ["abcd", "d", "bb", "cad"]
    generator = Generator.load(translator)
    together = generator.generate_batch([""] * 4, Greedy(), length=6, given={"source": sources})
    for source, (found,) in zip(sources, together, strict=True):
        assert found.ids == generator.generate("", Greedy(), length=6, given={"source": [source]}).ids
        answer, total = [2], 0.0
        for token in found.ids:
            scores = log_probabilities(translator, source, answer)[-1]
            scores[[0, 1, 2]] = -np.inf  # padding, unknown and begin are no text
            assert token == scores.argmax()
            total += scores[token]
            answer.append(token)
        if found.ended:
            total += log_probabilities(translator, source, answer)[-1][3]
        assert math.isclose(found.log_probability, total, rel_tol=1e-3, abs_tol=1e-3)
    assert len({found.ids for (found,) in together}) > 1  # the network reads its source


def test_a_wide_beam_finds_the_best_of_all_texts(translator: Path) -> None:
    source, length = "abca", 2
    (found,) = Generator.load(translator).generate_batch(
        [""], Beam(16, length_penalty=0), length=length, given={"source": [source]}
    )
    letters = range(4, 8)
    best = {}
    for size in range(length + 1):
        for text in product(letters, repeat=size):
            scores = log_probabilities(translator, source, [2, *text])
            total = sum(scores[place][token] for place, token in enumerate(text))
            best[text] = float(total + (scores[size][3] if size < length else 0))
    assert found[0].ids == max(best, key=lambda text: best[text])


def test_beams_of_several_texts_do_not_mix(translator: Path) -> None:
    generator, sources = Generator.load(translator), ["abcd", "d", "ca"]
    together = generator.generate_batch([""] * 3, Beam(3), length=5, count=2, given={"source": sources})
    for source, found in zip(sources, together, strict=True):
        (alone,) = generator.generate_batch([""], Beam(3), length=5, count=2, given={"source": [source]})
        assert [one.ids for one in found] == [one.ids for one in alone]


def test_several_texts_are_drawn_about_each(translator: Path) -> None:
    generator, sources = Generator.load(translator), ["abcd", "d"]
    drawn = generator.generate_batch([""] * 2, Sampling(), length=5, seed=3, count=4, given={"source": sources})
    (first,) = generator.generate_batch([""], Sampling(), length=5, seed=3, count=4, given={"source": ["abcd"]})
    assert [one.ids for one in drawn[0]] == [one.ids for one in first]


def test_a_text_ends_by_itself_and_may_be_begun(translator: Path) -> None:
    generator = Generator.load(translator)
    contract = contract_of(load_bundle(translator))
    assert [field.name for field in contract.given] == ["source", "source_length"]
    assert (contract.tokens.name, contract.output.name) == ("answer", "probabilities")
    assert generator.writing is not None
    assert (generator.writing.begins, generator.writing.end) == (True, 3)
    begun = generator.generate("ab", Greedy(), length=3, given={"source": ["dd"]})
    scores = log_probabilities(translator, "dd", [2, *generator.writing.tokenizer.encode("ab")])[-1]
    scores[[0, 1, 2]] = -np.inf
    assert (begun.ids[0] if begun.ids else 3) == scores.argmax()
    pieces: list[str] = []
    whole = generator.generate("", Greedy(), length=6, given={"source": ["abcd"]}, on_text=pieces.append)
    assert "".join(pieces) == whole.text


def test_an_image_is_read(seer: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 6), np.uint8)
    found = Generator.load(seer).generate_batch([[1], [2, 3], [4]], Greedy(), length=4, given={"image": images})
    for image, prompt, (one,) in zip(images, [[1], [2, 3], [4]], found, strict=True):
        text = list(prompt)
        for token in one.ids:
            (output,) = Program(seer / "inference.onnx")({"image": image[None], "words": np.array([text])}).values()
            assert token == output[0, -1].argmax()
            text.append(token)


# --- mistakes --------------------------------------------------------------------------------------------------------


def refused(call: Any) -> tuple[str, str | None]:
    with pytest.raises(UserError) as caught:
        call()
    return caught.value.message, caught.value.hint


def test_features_that_do_not_fit(translator: Path, seer: Path) -> None:
    generator = Generator.load(translator)
    assert refused(lambda: generator.generate("", Greedy())) == (
        "the feature 'source', 'source_length' is missing",
        "the model takes 'source', 'source_length'",
    )
    assert refused(lambda: generator.generate("", Greedy(), given={"source": ["a"], "text": ["b"]})) == (
        "unknown feature 'text'",
        "the model takes 'source', 'source_length'",
    )
    assert refused(lambda: generator.generate("", Greedy(), given={"source": ["a", "b"]})) == (
        "there is 1 prompt, but the features given have 2 rows",
        "give a row for each prompt",
    )
    assert refused(lambda: generator.generate_batch(["", ""], Greedy(), given={"source": ["a"]})) == (
        "there are 2 prompts, but the features given have 1 row",
        "give a row for each prompt",
    )


def test_a_network_that_reads_nothing_else(tmp_path: Path) -> None:
    network = "[{embedding: {vocabulary: 9, units: 4}}, {gru: 9}]"
    text = f"netwright: 1\ninputs: {{t: {{shape: [time], dtype: int64}}}}\nnetwork: {network}\n"
    compile_spec(load_spec_text(text)).write(tmp_path / "bundle")
    generator = Generator.load(tmp_path / "bundle")
    assert refused(lambda: generator.generate([1], Greedy(), given={"source": ["a"]})) == (
        "unknown feature 'source'",
        "the network reads nothing but the text that it goes on with",
    )


def test_without_a_cache_nothing_is_read_once(translator: Path) -> None:
    assert refused(lambda: Generator.load(translator, cache=False)) == (
        f"{translator}: the network reads 'source' before it writes, which it does once, with a cache",
        "leave --no-cache out",
    )


# --- the command line's values ---------------------------------------------------------------------------------------


def test_values_of_the_command_line(translator: Path, seer: Path, tmp_path: Path) -> None:
    texts, images = (contract_of(load_bundle(folder)).given for folder in (translator, seer))
    assert read_given({"source": "ab=c"}, texts) == {"source": ["ab=c"]}
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    np.save(tmp_path / "x.npy", pixels)
    np.testing.assert_array_equal(read_given({"image": str(tmp_path / "x.npy")}, images)["image"], pixels[None])
    from PIL import Image

    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_given({"image": str(tmp_path / "x.png")}, images)["image"], pixels[None])
    assert refused(lambda: read_given({"image": "x.txt"}, images)) == (
        "input 'image': must be a file ending in .npy, .png, .jpg, .jpeg, .bmp, .gif, .webp, .tif, .tiff, "
        "received 'x.txt'",
        None,
    )
    assert refused(lambda: read_given({"sourse": "a"}, texts)) == (
        "there is no input 'sourse' to read before writing",
        "did you mean 'source'?",
    )
    assert refused(lambda: read_given({"x": "a"}, ())) == (
        "there is no input 'x' to read before writing",
        "the network reads nothing but the prompt",
    )
