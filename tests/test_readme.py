"""The README tells the truth: its examples run, its commands are those that CI runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.cli.main import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_there_are_exactly_two_commands_of_one_line() -> None:
    set_up, check = blocks("sh")
    assert set_up.count("\n") == check.count("\n") == 1
    assert set_up.strip().endswith("netwright train digits_mlp")
    assert check.strip() == "sh .ci/test"


def test_ci_runs_the_second_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert blocks("sh")[1].strip() in lines


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The spec compiles, the Python example trains and predicts, and the host loop trains the same bundle alone."""
    monkeypatch.chdir(tmp_path)
    (spec,) = blocks("yaml")
    Path("digits.yaml").write_text(spec, encoding="utf-8")
    python_api, host_loop = blocks("python")
    generator = np.random.default_rng(0)
    images = generator.random((5, 8, 8), dtype=np.float32)

    names: dict[str, Any] = {"images": images}
    exec(python_api, names)
    assert names["probabilities"].shape == (5, 10)
    assert names["summary"].test["accuracy"] > 0.9
    capsys.readouterr()

    batch = {"image": images, "label": np.array([3, 1, 4, 1, 5])}
    exec(host_loop, {"batches": [batch] * 30})
    losses = [float(line) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 2


def test_every_command_is_in_the_table_and_no_other() -> None:
    named = re.findall(r"^\| `netwright (\w+)", README, flags=re.MULTILINE)
    assert sorted(named) == sorted(app.commands)


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
