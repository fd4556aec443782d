"""How the tests of the command line run it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from netwright.cli.main import app
from support.command_line import Cli


@pytest.fixture
def cli() -> Cli:
    """Run a command line in this process; stdout and stderr are apart and neither is a terminal."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="netwright", catch_exceptions=False)

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that messages name files as a person in it would."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
