"""Typical mistakes of spec authors, each a pair of files: the spec, and the exact text it is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from netwright.compiler.check import check_spec
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import load
from netwright.runtime.data.source import source_schema

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.yaml"))


def test_there_are_mistakes_to_learn_from() -> None:
    assert len(NAMES) >= 60
    assert {path.stem for path in HERE.glob("*.txt")} == set(NAMES)


def refused(name: str) -> SpecError:
    """What `netwright validate` says to a spec of this folder."""
    with pytest.raises(SpecError) as caught:
        check_spec(load(f"{name}.yaml", data_schema=source_schema()))
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    assert f"{refused(name)}\n" == Path(f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_place_is_inside_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    for diagnostic in refused(name).diagnostics:
        for origin in (diagnostic.origin, *(step.origin for step in diagnostic.shapes)):
            rows = Path(origin.file).read_text(encoding="utf-8", errors="replace").splitlines()
            assert 1 <= origin.line <= len(rows)
            assert 1 <= origin.column <= len(rows[origin.line - 1]) + 1
        assert "Traceback" not in str(diagnostic)
        assert "!" not in diagnostic.message.replace("!!python", "")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("shape_")])
def test_shapes_that_do_not_fit_name_two_places(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    for diagnostic in refused(name).diagnostics:
        assert len({(step.origin.file, step.origin.line, step.origin.column) for step in diagnostic.shapes}) >= 2
        entry = diagnostic.as_json()
        assert list(entry)[:6] == ["file", "line", "column", "path", "message", "hint"]
        assert [step["name"] for step in entry["shapes"]] == [step.name for step in diagnostic.shapes]
        assert all(f"{step}" in entry["message"] for step in diagnostic.shapes)
