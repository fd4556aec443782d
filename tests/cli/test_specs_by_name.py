"""SPEC on the command line: library names, paths, and what messages call them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import CompletionItem
from netwright.cli.library import LIBRARY, SpecName, find_spec, library, readable_path, summary_of
from netwright.compiler.errors import SpecError
from support.command_line import Cli


def test_every_yaml_of_the_library_has_a_name_of_its_own() -> None:
    assert len(library()) == len(list(LIBRARY.rglob("*.yaml"))) > 5


def test_every_library_spec_says_what_it_is() -> None:
    for name, file in library().items():
        first_line = file.path.read_text(encoding="utf-8").split("\n", 1)[0]
        assert first_line.startswith("# "), name
        assert len(summary_of(file)) > 20, name


def test_list_prints_names_and_summaries(cli: Cli) -> None:
    lines = cli("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(library())
    assert any(line.startswith("xor_mlp ") and line.endswith("one layer cannot solve.") for line in lines)


def test_library_specs_are_called_by_their_place_in_the_library(cli: Cli, here: Path) -> None:
    result = cli("validate", "xor_mlp", "--set", "training.epochs=none", "--set", "network[0].dense.unit=3")
    assert cli("validate", "xor_mlp").stdout == "specs/xor_mlp.yaml: valid\n"
    assert str(LIBRARY) not in result.stderr
    assert readable_path("specs/xor_mlp.yaml") == LIBRARY / "xor_mlp.yaml"


def test_files_are_called_as_given(cli: Cli, here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub" / "mine.yaml").write_text("netwright: 2\n", encoding="utf-8")
    result = cli("validate", "sub/mine.yaml")
    assert result.exit_code == 1
    assert "sub/mine.yaml:1:12: netwright: this netwright reads version 1" in result.stderr


def test_a_name_of_the_library_wins_over_a_file(cli: Cli, here: Path) -> None:
    (here / "xor_mlp").write_text("not a spec", encoding="utf-8")
    assert find_spec("xor_mlp").shown == "specs/xor_mlp.yaml"
    assert find_spec("./xor_mlp").shown == "./xor_mlp"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "xor_mpl",
            "xor_mpl:1:1: no such file, and no spec of that name in the model library\n  hint: did you mean 'xor_mlp'?",
        ),
        (
            "zzz",
            "zzz:1:1: no such file, and no spec of that name in the model library\n"
            "  hint: `netwright list` prints the names; a spec of your own is a path",
        ),
    ],
)
def test_unknown_names(given: str, message: str, here: Path) -> None:
    with pytest.raises(SpecError) as caught:
        find_spec(given)
    assert str(caught.value) == message


def test_a_path_that_is_not_there_is_left_to_the_loader(cli: Cli, here: Path) -> None:
    result = cli("validate", "nothing.yaml")
    assert (result.exit_code, result.stderr) == (1, "nothing.yaml:1:1: no such file\n")


def test_the_shell_completes_names_and_files() -> None:
    def complete(incomplete: str) -> list[CompletionItem]:
        return SpecName().shell_complete(None, None, incomplete)  # type: ignore[arg-type]

    names = [(item.value, item.type) for item in complete("xor")]
    assert names == [("xor_mlp", "plain"), ("xor", "file")]
