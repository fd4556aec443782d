"""`netwright new`: a library spec under a new name, everything else as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from netwright.cli.library import library
from netwright.compiler import load_spec
from netwright.runtime.data import source_schema
from support.command_line import Cli


@pytest.mark.parametrize("like", [name for name, file in library().items() if "include:" not in file.path.read_text()])
def test_a_spec_like_one_of_the_library(cli: Cli, here: Path, like: str) -> None:
    result = cli("new", "mine", "--like", like)
    assert (result.exit_code, result.stdout) == (
        0,
        f"mine.yaml: a spec like {like}; `netwright validate mine.yaml` checks it, "
        "`netwright train mine.yaml` trains it\n",
    )
    made = (here / "mine.yaml").read_text(encoding="utf-8").splitlines()
    model = library()[like].path.read_text(encoding="utf-8").splitlines()
    assert [line for line in made if line not in model] == ["name: mine"]
    assert len(made) == len(model)
    assert load_spec(here / "mine.yaml", data_schema=source_schema()).name == "mine"


def test_into_another_file(cli: Cli, here: Path) -> None:
    (here / "specs").mkdir()
    assert cli("new", "mine", "--like", "xor_mlp", "-o", "specs/first.yaml").exit_code == 0
    assert "\nname: mine\n" in (here / "specs" / "first.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            "# Mine.\nnetwright: 1  # one\ninputs: {x: [4]}\nnetwork: [relu]\n",
            "# Mine.\nname: two\nnetwright: 1  # one\ninputs: {x: [4]}\nnetwork: [relu]\n",
        ),
        (
            "{netwright: 1, inputs: {x: [4]}, network: [relu]}\n",
            "{name: two, netwright: 1, inputs: {x: [4]}, network: [relu]}\n",
        ),
        (
            "netwright: 1\n\"name\":   'one'   # its name\ninputs: {x: [4]}\nnetwork: [relu]\n",
            'netwright: 1\n"name":   two   # its name\ninputs: {x: [4]}\nnetwork: [relu]\n',
        ),
    ],
)
def test_a_spec_like_one_of_ones_own(cli: Cli, here: Path, text: str, made: str) -> None:
    (here / "one.yaml").write_text(text, encoding="utf-8")
    assert cli("new", "two", "--like", "one.yaml").exit_code == 0
    assert (here / "two.yaml").read_text(encoding="utf-8") == made
    assert load_spec(here / "two.yaml").name == "two"


def refused(cli: Cli, *words: str) -> str:
    result = cli("new", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def test_a_name_that_yaml_would_read_as_something_else(cli: Cli, here: Path) -> None:
    assert cli("new", "true", "--like", "xor_mlp").exit_code == 0
    assert load_spec(here / "true.yaml", data_schema=source_schema()).name == "true"


def test_nothing_is_overwritten(cli: Cli, here: Path) -> None:
    (here / "mine.yaml").write_text("precious", encoding="utf-8")
    assert refused(cli, "mine", "--like", "xor_mlp") == (
        "error: mine.yaml: already exists\n  hint: choose another file with -o\n"
    )
    assert (here / "mine.yaml").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("name", ["2fast", "a/b", "a b", "mine.yaml"])
def test_a_name_that_no_spec_can_have(cli: Cli, here: Path, name: str) -> None:
    assert refused(cli, name, "--like", "xor_mlp") == (
        f"error: '{name}' cannot be the name of a spec\n"
        "  hint: a name begins with a letter or _, and has letters, digits, _ and -; -o says where to write it\n"
    )
    assert list(here.iterdir()) == []


def test_mistakes_of_the_other_spec_are_reported_at_their_place(cli: Cli, here: Path) -> None:
    (here / "one.yaml").write_text("netwright: 1\ninputs: {x: [4]}\nnetwork: [dence: 3]\n", encoding="utf-8")
    assert refused(cli, "two", "--like", "one.yaml").startswith("one.yaml:3:11: network[0].dence: ")
    assert not (here / "two.yaml").exists()


def test_a_spec_that_includes_others(cli: Cli, here: Path) -> None:
    (here / "sub").mkdir()
    (here / "rest.yaml").write_text("inputs: {x: [4]}\nnetwork: [relu]\n", encoding="utf-8")
    (here / "one.yaml").write_text("netwright: 1\ninclude: [rest.yaml]\n", encoding="utf-8")
    assert refused(cli, "two", "--like", "one.yaml", "-o", "sub/two.yaml") == (
        "error: one.yaml: includes [rest.yaml], which a spec in another folder would not find\n"
        "  hint: start from the file that it includes, or write the new spec beside it with -o\n"
    )
    assert cli("new", "two", "--like", "one.yaml").exit_code == 0
    assert load_spec(here / "two.yaml").name == "two"


def test_a_folder_that_is_not_there(cli: Cli, here: Path) -> None:
    assert refused(cli, "mine", "--like", "xor_mlp", "-o", "nowhere/mine.yaml") == "error: nowhere: no such folder\n"
