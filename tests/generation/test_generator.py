"""Prompts in, texts out, as a program asks for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from netwright.runtime import Beam, Generator, Greedy, Sampling, UserError, load_bundle
from netwright.runtime.generation.generator import How
from netwright.runtime.generation.stream import TextStream
from netwright.runtime.generation.writing import Writing
from support.language_models import WRITTEN, Markov, write_bundle, write_text_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_bundle(tmp_path_factory.mktemp("text") / "bundle")


@pytest.mark.parametrize("how", [Greedy(), Sampling(0.8, 5, 0.9), Beam(3)])
def test_the_pieces_are_the_text(folder: Path, how: How) -> None:
    pieces: list[str] = []
    found = Generator.load(folder).generate("To be", how, length=30, seed=3, on_text=pieces.append)
    assert found.text == "".join(pieces)
    assert len(found.text) == len(found.ids) == 30
    assert len(set(found.text)) > 2
    assert found == Generator.load(folder).generate("To be", how, length=30, seed=3)
    assert found.ids == Generator.load(folder, cache=False).generate("To be", how, length=30, seed=3).ids


def test_the_seed_and_the_number_choose_the_text(folder: Path) -> None:
    generator = Generator.load(folder)
    two, one = (generator.generate_batch(["To be", "or"], length=12, seed=1, count=count) for count in (2, 1))
    assert [each[0].text for each in two] == [each[0].text for each in one]
    assert len({found.text for each in two for found in each}) == 4
    assert generator.generate("To be", length=12, seed=1).text == one[0][0].text
    assert generator.generate("To be", length=12, seed=2).text != one[0][0].text


def test_the_best_of_a_beam(folder: Path) -> None:
    generator = Generator.load(folder)
    ((first, second),) = generator.generate_batch(["To be"], Beam(4), length=6, count=2)
    assert first.log_probability > second.log_probability
    assert first.log_probability >= generator.generate("To be", Greedy(), length=6).log_probability


def test_special_tokens_are_no_text(tmp_path: Path) -> None:
    """They are drawn with every probability there is, and never come; the end does where texts have one."""
    generator = Generator.load(write_text_bundle(tmp_path / "bundle", begin=True, end=True))
    found = [one for (one,) in generator.generate_batch([""] * 40, Sampling(temperature=50), length=60, seed=0)]
    assert all(min(one.ids, default=9) >= 4 for one in found)
    assert 0 < sum(one.ended for one in found) <= 40
    assert all(one.ended or len(one.ids) == 60 for one in found)
    endless = Generator.load(write_text_bundle(tmp_path / "endless"))
    found = [one for (one,) in endless.generate_batch(["T"] * 40, Sampling(temperature=50), length=60, seed=0)]
    assert all(len(one.ids) == 60 and min(one.ids) >= 4 and not one.ended for one in found)


def test_words_are_put_together(tmp_path: Path) -> None:
    pieces: list[str] = []
    generator = Generator.load(write_text_bundle(tmp_path / "bundle", level="word"))
    found = generator.generate("To be", Sampling(), length=5, seed=1, on_text=pieces.append)
    assert found.text == "".join(pieces)
    assert found.text.startswith(" ")
    assert len(found.text.split()) == 5


def test_bytes_wait_for_the_rest_of_their_character() -> None:
    """A tokenizer of bytes: a character of several is shown when it is whole, and what never gets whole at the end."""

    class Bytes:
        size, pad, unknown, begin, end = 260, 0, 1, 2, 3

        def encode(self, text: str) -> list[int]:
            return [byte + 4 for byte in text.encode()]

        def decode(self, numbers: list[int]) -> str:
            return bytes(number - 4 for number in numbers).decode(errors="replace")

    tokenizer = Bytes()
    stream = TextStream(tokenizer, tokenizer.encode("né"))
    assert [stream.push(token) for token in tokenizer.encode("à€b")] == ["", "à", "", "", "€", "b"]
    assert stream.finish() == ""
    assert stream.push(tokenizer.encode("é")[0]) == ""
    assert stream.finish() == "�"


def test_a_prompt_of_numbers(tmp_path: Path) -> None:
    generator = Generator.load(load_bundle(write_bundle(tmp_path / "bundle")))
    found = generator.generate([1, 2, 3], Greedy(), length=4)
    assert (found.text, len(found.ids)) == (None, 4)
    with pytest.raises(UserError) as caught:
        generator.generate("To be")
    assert (caught.value.message, caught.value.hint) == (
        "the network takes the numbers of tokens, and has no tokenizer to make them of a text",
        "give its input `tokens` in the spec; from Python, a prompt may be a list of numbers",
    )


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"prompts": [[0, 3]]}, "3 is no token: there are the ids from 0 to 2", None),
        ({"prompts": [[-1]]}, "-1 is no token: there are the ids from 0 to 2", None),
        ({"seed": -1}, "seed must not be negative, received -1", None),
        ({"count": 0}, "count must be at least 1, received 0", None),
        (
            {"how": Greedy(), "count": 2},
            "the greedy choice has one continuation, not 2",
            "draw with a temperature instead",
        ),
        ({"how": Beam(2), "count": 3}, "3 continuations are more than the beam keeps: 2", "take a wider beam"),
    ],
)
def test_what_cannot_be_generated(options: dict[str, object], message: str, hint: str | None) -> None:
    generator = Generator(Markov([[0.5, 0.25, 0.25]] * 3))
    with pytest.raises(UserError) as caught:
        generator.generate_batch(**{"prompts": [[0]], **options})  # type: ignore[arg-type]
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_unknown_tokens_are_counted(folder: Path) -> None:
    bundle = load_bundle(folder)
    writing = Writing(bundle.tokenizer("text"), begins=True, ends=False)
    assert writing.prompt("To")[0] == writing.tokenizer.begin
    assert Generator(Markov([[1.0]]), writing).unknown_tokens("Tö") == (1, 3)


def test_a_network_that_is_told_how_long_texts_are(tmp_path: Path) -> None:
    """It has no step form, and is told the length of what was read so far."""
    text = WRITTEN.replace("inputs: {{", "inputs: {{count: {{shape: [], dtype: int64, length_of: text}}, ")
    text = text.replace("lstm: {{", "lstm: {{lengths: count, ").replace(
        "- embedding: {{", "- embedding: {{from: text, "
    )
    told = Generator.load(write_text_bundle(tmp_path / "told", text), cache=False)
    plain = Generator.load(write_text_bundle(tmp_path / "plain"), cache=False)
    assert told.generate("To be", Greedy(), length=9).text == plain.generate("To be", Greedy(), length=9).text


def test_a_damaged_tokenizer(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "bundle")
    (tmp_path / "bundle/tokenizers/letters.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        Generator.load(tmp_path / "bundle")
    assert caught.value.message == f"{tmp_path}/bundle/tokenizers/letters.json: is not a tokenizer of netwright"
