"""docs/generation.md: its rhyme is learned and comes back as shown, its code runs, its table has every option."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from netwright.cli.generate import command
from netwright.cli.main import app
from netwright.runtime import Generator
from support.bundles import ROOT

PAGE = (ROOT / "docs" / "generation.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def netwright(line: str) -> Result:
    words = [quoted or plain for quoted, plain in re.findall(r'"(.*?)"|(\S+)', line)]
    assert words.pop(0) == "netwright"
    result = CliRunner().invoke(app, words, prog_name="netwright", catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's reader works, the network trained."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "rhyme.txt").write_text(blocks("text")[0], encoding="utf-8")
    (folder / "rhyme.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    with contextlib.chdir(folder):
        netwright(blocks("sh")[0].splitlines()[0])
    return folder


def test_the_rhyme_comes_back(folder: Path) -> None:
    with contextlib.chdir(folder):
        assert netwright(blocks("sh")[0].splitlines()[1]).stdout == blocks("text")[1]


def test_the_python_code_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    with contextlib.chdir(folder):
        exec(compile(blocks("python")[0], "docs/generation.md", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " I wonder what you are!"
    assert "(' I wonder what you are!', True)" in lines[2]
    generator = names["generator"]
    assert isinstance(generator, Generator)
    assert "\n".join(lines[4:]) == (generator.generate("Up").text or "").removesuffix("\n")


def test_the_table_has_every_option() -> None:
    table = PAGE[PAGE.index("| option |") :].split("\n\n")[0]
    options = [param.opts[0] for param in command.params if param.opts[0].startswith("--")]
    assert re.findall(r"^\| `(--[\w-]+)`", table, flags=re.MULTILINE) == options


def test_the_example_has_as_many_lines_as_the_page_says() -> None:
    (said,) = re.findall(r"(\d+) lines that read the", PAGE)
    lines = (ROOT / "examples" / "node" / "generate.mjs").read_text(encoding="utf-8").splitlines()
    assert abs(len(lines) - int(said)) <= 5


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
