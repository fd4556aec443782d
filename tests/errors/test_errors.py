"""Typical mistakes of spec authors, each a pair of files: the spec, and the exact text it is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import load
from netwright.runtime.data.source import source_schema

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.yaml"))


def test_there_are_mistakes_to_learn_from() -> None:
    assert len(NAMES) >= 60
    assert {path.stem for path in HERE.glob("*.txt")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    with pytest.raises(SpecError) as caught:
        load(f"{name}.yaml", data_schema=source_schema())
    assert f"{caught.value}\n" == Path(f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_place_is_inside_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    with pytest.raises(SpecError) as caught:
        load(f"{name}.yaml", data_schema=source_schema())
    for diagnostic in caught.value.diagnostics:
        origin = diagnostic.origin
        rows = Path(origin.file).read_text(encoding="utf-8", errors="replace").splitlines()
        assert 1 <= origin.line <= len(rows)
        assert 1 <= origin.column <= len(rows[origin.line - 1]) + 1
        assert "Traceback" not in str(diagnostic)
        assert "!" not in diagnostic.message.replace("!!python", "")
