"""`netwright explain`: plain Markdown in a pipe, rendered on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click.testing
import pytest
from click.shell_completion import CompletionItem
from click.testing import CliRunner
from netwright.cli import explain
from netwright.cli.main import app
from netwright.cli.reference import reference

Run = Callable[..., click.testing.Result]


@pytest.fixture
def run() -> Run:
    return lambda *words: CliRunner().invoke(app, ["explain", *words], catch_exceptions=False)


def test_a_kind(run: Run) -> None:
    assert run("dropout").stdout == (
        "# Layer dropout\n\n"
        "While training, each number is 0 with probability `rate`, else divided by 1 − rate; otherwise y = x.\n\n"
        'Dividing keeps the mean, so that nothing changes at inference ("inverted dropout"). The mask is a function of '
        "the\n"
        "seed, the step, the layer and the element: a run repeats and resumes bit for bit.\n"
        "Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 2014.\n\n"
        "| field | takes | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `rate` | a number of at least 0 and below 1 | required | Probability of a zero. |\n\n"
        "A bare value stands for `rate`.\n\n"
        "```yaml\nnetwork:\n  - dropout: 0.2\n```\n"
    )


def test_every_kind_of_one_name(run: Run) -> None:
    headings = [line for line in run("constant").stdout.splitlines() if line.startswith("# ")]
    assert headings == ["# Layer constant", "# Schedule constant", "# Initializer constant"]


def test_an_activation_is_explained_once(run: Run) -> None:
    headings = [line for line in run("relu").stdout.splitlines() if line.startswith("# ")]
    assert headings == ["# Activation relu", "# Function relu"]


@pytest.mark.parametrize("name", ["training.early_stopping", "early_stopping"])
def test_a_part_of_a_section(run: Run, name: str) -> None:
    assert run(name).stdout.startswith("# Section training.early_stopping\n")


@pytest.mark.parametrize("name", ["losses", "loss", "Losses"])
def test_a_family(run: Run, name: str) -> None:
    text = run(name).stdout
    assert text.startswith("# Losses\n")
    assert "| `squared_error` | (output − target)²; its mean is the mean squared error |" in text
    assert "Every loss also takes:" in text


@pytest.mark.parametrize("name", ["data_sources", "data source"])
def test_a_family_of_two_words(run: Run, name: str) -> None:
    assert run(name).stdout.startswith("# Data sources\n")


def test_everything(run: Run) -> None:
    text = run().stdout
    for family in reference().values():
        assert f"- **{family.title}**: `{family.pages[0].name}`" in text
    assert text.endswith("`netwright explain NAME` explains one of them, or a family.\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("dence", "did you mean 'dense'?"), ("qqqqq", "`netwright explain` lists what there is")],
)
def test_an_unknown_name(run: Run, name: str, hint: str) -> None:
    result = run(name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: there is nothing called '{name}' in the spec language\n  hint: {hint}\n"


def test_a_terminal_gets_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    explain.command.callback("dropout")  # type: ignore[misc]
    text = capsys.readouterr().out
    assert "Layer dropout" in text
    assert "|---|" not in text and "# Layer" not in text and "```" not in text


def test_the_shell_completes_names() -> None:
    def complete(incomplete: str) -> list[CompletionItem]:
        return explain.TOPIC.shell_complete(None, None, incomplete)  # type: ignore[arg-type]

    assert [item.value for item in complete("layer_n")] == ["layer_norm"]
    assert [item.value for item in complete("constan")] == ["constants", "constant"]
