"""`netwright generate`: texts on stdout, mistakes as one message."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from netwright.cli import generate
from netwright.cli.main import app
from netwright.runtime import Generator, Greedy
from support.command_line import Cli
from support.language_models import LSTM, write_bundle, write_text_bundle


@pytest.fixture
def bundle(here: Path) -> Path:
    write_text_bundle(Path("bundle"))
    return Path("bundle")


def test_it_prints_the_prompt_and_what_follows(cli: Cli, bundle: Path) -> None:
    result = cli("generate", bundle, "--prompt", "To be", "--length", 20, "--greedy")
    expected = Generator.load(bundle).generate("To be", Greedy(), length=20).text
    assert expected is not None
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"To be{expected}" + ("" if expected.endswith("\n") else "\n")
    again = cli("generate", bundle, "--prompt", "To be", "--length", 20, "--greedy", "--no-cache")
    assert again.stdout == result.stdout


def test_the_same_seed_prints_the_same_text(cli: Cli, bundle: Path) -> None:
    def text(*options: object) -> str:
        result = cli("generate", bundle, "--prompt", "To be", "--length", 30, *options)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    assert text() == text("--seed", 0) == text("--temperature", 1, "--top-p", 1, "--top-k", 1000)
    assert text("--seed", 1) != text()
    assert text("--temperature", 0.5) != text()
    assert text("--top-k", 1) == text("--greedy") == text("--top-p", 1e-9) == text("--beam", 1)
    assert text("--beam", 4) == text("--beam", 4, "--length-penalty", 0.6)


def test_several_texts(cli: Cli, bundle: Path) -> None:
    result = cli("generate", bundle, "--prompt", "To", "--length", 9, "--count", 3, "--seed", 4)
    texts = result.stdout.split("\n---\n")
    assert len(texts) == 3
    assert all(text.startswith("To") for text in texts)
    first = cli("generate", bundle, "--prompt", "To", "--length", 9, "--seed", 4)
    assert first.stdout.rstrip("\n") == texts[0].rstrip("\n")


def test_the_prompt_may_come_through_a_pipe(bundle: Path) -> None:
    words = ["generate", "bundle", "--prompt", "-", "--length", "5", "--greedy"]
    piped = CliRunner().invoke(app, words, input="To be,\n or not")
    assert piped.stdout.startswith("To be,\n or not")
    given = CliRunner().invoke(app, [*words[:3], "To be,\n or not", *words[4:]])
    assert piped.stdout == given.stdout


def test_text_comes_piece_by_piece(bundle: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    pieces: list[str] = []
    monkeypatch.setattr(generate.click, "echo", lambda text="", **options: pieces.append(text))
    assert cli("generate", bundle, "--prompt", "To", "--length", 6, "--greedy").exit_code == 0
    assert [len(piece) for piece in pieces[:6]] == [3, 1, 1, 1, 1, 1]


def test_a_terminal_gets_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert generate._shown("a\x1b[2J\tb\n") == "a\x1b[2J\tb\n"  # a file gets what the network wrote
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert generate._shown("a\x1b[2J\tb\n") == "a\\x1b[2J\tb\n"


def test_characters_that_the_network_does_not_know(cli: Cli, bundle: Path) -> None:
    one = cli("generate", bundle, "--prompt", "Tö", "--length", 3)
    assert (one.exit_code, one.stderr) == (
        0,
        "note: 1 token of the prompt is not in the vocabulary, of 2; the network reads <unk> there\n",
    )
    assert one.stdout.startswith("Tö")
    two = cli("generate", bundle, "--prompt", "äTö", "--length", 3)
    assert two.stderr == (
        "note: 2 tokens of the prompt are not in the vocabulary, of 3; the network reads <unk> there\n"
    )


def test_an_empty_prompt(cli: Cli, bundle: Path) -> None:
    result = cli("generate", bundle, "--prompt", "")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "error: the prompt is empty\n  hint: the network needs at least one token to say what comes next\n",
    )


def test_an_empty_prompt_where_texts_have_a_beginning(cli: Cli, here: Path) -> None:
    write_text_bundle(Path("bundle"), begin=True)
    result = cli("generate", "bundle", "--prompt", "", "--length", 4)
    assert (result.exit_code, len(result.stdout.rstrip("\n")) > 0) == (0, True)


def test_a_network_that_is_no_sequence_model(cli: Cli, here: Path) -> None:
    assert cli("compile", "xor_mlp", "-o", "bundle").exit_code == 0
    result = cli("generate", "bundle", "--prompt", "To be")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: bundle: not a sequence model: it takes 'bits' float32(2), not the tokens of a text\n"
        "  hint: a spec generates if its input is the tokens of a text, and its output has a number for each token\n",
    )


def test_a_network_without_a_tokenizer(cli: Cli, here: Path) -> None:
    write_bundle(Path("bundle"))
    result = cli("generate", "bundle", "--prompt", "To be")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: the network takes the numbers of tokens, and has no tokenizer to make them of a text\n"
        "  hint: give its input `tokens` in the spec; from Python, a prompt may be a list of numbers\n",
    )


def test_a_network_without_a_step_form(cli: Cli, here: Path) -> None:
    write_bundle(Path("bundle"), LSTM.replace("gru: 8", "gru: {units: 8, bidirectional: true}"))
    result = cli("generate", "bundle", "--prompt", "To be")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: bundle: the network has no step form (inference_step.onnx): it keeps nothing between tokens\n"
        "  hint: without a cache it reads the whole text again for every token: --no-cache\n",
    )


def test_no_such_run(cli: Cli, here: Path) -> None:
    result = cli("generate", "run", "--prompt", "To be")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: run: no such folder\n  hint: give the folder that `netwright train` wrote\n",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--greedy --beam 2", "--greedy does not go together with --beam"),
        ("--greedy --temperature 1", "--greedy draws nothing, so it does not go together with --temperature"),
        ("--greedy --top-k 3", "--greedy draws nothing, so it does not go together with --top-k"),
        ("--beam 2 --top-p 0.5", "--beam draws nothing, so it does not go together with --top-p"),
        ("--beam 2 --seed 0", "--beam draws nothing, so it does not go together with --seed"),
        ("--length-penalty 1", "--length-penalty goes together with --beam"),
        ("--greedy --count 2", "--greedy has one text, so it does not go together with --count"),
        ("--beam 2 --count 3", "--count 3 is more than --beam 2 keeps"),
        ("--temperature 0", "Invalid value for '--temperature': 0.0 is not in the range x>0."),
        ("--temperature nan", "Invalid value for '--temperature': nan is not a finite number."),
        ("--temperature inf", "Invalid value for '--temperature': inf is not a finite number."),
        ("--length-penalty inf --beam 2", "Invalid value for '--length-penalty': inf is not a finite number."),
        ("--top-p 1.5", "Invalid value for '--top-p': 1.5 is not in the range 0<x<=1."),
        ("--top-k 0", "Invalid value for '--top-k': 0 is not in the range x>=1."),
        ("--length 0", "Invalid value for '--length': 0 is not in the range x>=1."),
        ("--count 0", "Invalid value for '--count': 0 is not in the range x>=1."),
        ("--beam 0", "Invalid value for '--beam': 0 is not in the range x>=1."),
        ("--seed -1", "Invalid value for '--seed': -1 is not in the range x>=0."),
    ],
)
def test_options_that_contradict_each_other(cli: Cli, here: Path, options: str, message: str) -> None:
    """They are refused before anything is read."""
    result = cli("generate", "run", "--prompt", "To be", *options.split())
    assert result.exit_code == 2
    assert message in _unwrapped(result.stderr)


def test_a_prompt_must_be_given(cli: Cli, here: Path) -> None:
    result = cli("generate", "run")
    assert result.exit_code == 2
    assert "Missing option '--prompt'" in _unwrapped(result.stderr)


def _unwrapped(text: str) -> str:
    """Without the frame that rich draws around usage errors."""
    return re.sub(r"[│\s]+", " ", text)
