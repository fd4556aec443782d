"""Every way a command can fail becomes a message and an exit code; none leaves as a traceback."""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from netwright.cli import failures, fetch, list_
from netwright.cli.main import app
from netwright.compiler.errors import Diagnostic, Origin, SpecError
from netwright.runtime.errors import EnvironmentProblem, UserError


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> tuple[int, str]:
    """Exit code and stderr when a verb raises `error`."""

    def raise_it() -> None:
        raise error

    monkeypatch.setattr(list_.command, "callback", raise_it)
    result = CliRunner().invoke(app, ["list"], catch_exceptions=False)
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            SpecError(
                [
                    Diagnostic(Origin("a.yaml", 2, 3, "x.y"), "is wrong", "right it"),
                    Diagnostic(Origin("a.yaml", 1, 1, ""), "bad"),
                ]
            ),
            1,
            "a.yaml:1:1: bad\na.yaml:2:3: x.y: is wrong\n  hint: right it\n",
        ),
        (
            UserError("a file is wrong", "one thing\nor another"),
            1,
            "error: a file is wrong\n  hint: one thing\n  hint: or another\n",
        ),
        (EnvironmentProblem("no CUDA"), 3, "error: no CUDA\n"),
        (MemoryError(), 3, "error: there is not enough memory\n  hint: a smaller batch or network needs less\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out/a.onnx"),
            3,
            "error: out/a.onnx: no space left on device\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), 3, "error: permission denied\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("stopped at step 7"), 130, "stopped at step 7\n"),
    ],
)
def test_exit_code_and_message(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str) -> None:
    assert fail_with(monkeypatch, error) == (code, message)


def test_unforeseen_error_is_called_a_bug_and_its_traceback_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, message = fail_with(monkeypatch, KeyError("dense1"))
    (report,) = tmp_path.iterdir()
    assert code == 70
    assert message == (
        "error: this is a bug in netwright: KeyError: 'dense1'\n"
        f"  hint: please report it with your spec and the traceback in {report}\n"
    )
    assert report.read_text(encoding="utf-8").startswith("Traceback (most recent call last):")


def test_control_characters_do_not_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail_with(monkeypatch, UserError("bad name '\x1b[2J'")) == (1, "error: bad name '\\x1b[2J'\n")


def test_usage_errors_exit_with_2_and_suggest() -> None:
    result = CliRunner().invoke(app, ["vaildate"])
    assert result.exit_code == 2
    assert "No such command 'vaildate'" in result.stderr
    assert "'validate'" in result.stderr


def test_version_is_that_of_the_package() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert CliRunner().invoke(app, ["--version"]).stdout == f"netwright {settings['project']['version']}\n"


def test_help_says_the_exit_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["-h"])
    assert result.exit_code == 0
    assert "Exit codes: 0 done, 1 your input is wrong, 2 usage" in result.stdout


def test_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m netwright.cli list | true"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (141, "", "")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stderr looks like a terminal whose owner wants no colour."""
    monkeypatch.setattr(failures, "on_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")


def test_terminal_shows_the_line_with_a_caret(
    terminal: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "a.yaml"
    spec.write_text("netwright: 1\nnetwork:\n  - dense: ten\n", encoding="utf-8")
    failures.print_diagnostics([Diagnostic(Origin(str(spec), 3, 12, "network[0]"), "must be a number", "such as 10")])
    assert capsys.readouterr().err == (
        f"{spec}:3:12: network[0]: must be a number\n  3 |   - dense: ten\n    |            ^\n  hint: such as 10\n"
    )


@pytest.mark.parametrize("place", [("no-such-file.yaml", 1), ("a.yaml", 99), ("a.yaml", 2), ("--set", 1)])
def test_terminal_shows_no_line_where_there_is_none(
    place: tuple[str, int], terminal: None, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.yaml").write_text("netwright: 1\n\n", encoding="utf-8")
    failures.print_diagnostics([Diagnostic(Origin(*place, 1, ""), "is wrong")])
    assert capsys.readouterr().err == f"{place[0]}:{place[1]}:1: is wrong\n"


def test_long_lines_are_cut_around_the_caret(terminal: None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text("x" * 200 + "?" + "x" * 200, encoding="utf-8")
    failures.print_diagnostics([Diagnostic(Origin("a.yaml", 1, 201, ""), "is wrong")])
    _, excerpt, caret, *_ = capsys.readouterr().err.splitlines()
    assert len(excerpt) < 120
    assert excerpt[caret.index("^")] == "?"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert failures.colored() is None
    monkeypatch.setenv(variable, value)
    assert failures.colored() is False


def test_unknown_data_set_to_fetch() -> None:
    result = CliRunner().invoke(app, ["fetch", "mnits"], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (
        1,
        "error: there is no data set 'mnits' to fetch\n  hint: did you mean 'mnist'?\n",
    )
    assert fetch.command.name == "fetch"
