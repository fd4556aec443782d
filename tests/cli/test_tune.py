"""`netwright compile --tune` measures and keeps what was fastest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from netwright.cli import tune
from netwright.runtime.bundle import load_bundle
from support.command_line import Cli

SPEC = """
netwright: 1
name: small
inputs: {image: [1, 6, 6]}
network:
  - conv: {filters: 2, kernel_size: 3, padding: same}
  - flatten
  - dense: 2
training: {loss: categorical_cross_entropy, batch_size: 8}
"""


def test_the_fastest_form_is_kept(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []

    def fake(question: tune.Question, target: str, batch: int) -> dict[str, float]:
        seen.append((question.subject, batch))
        return {"Conv": 2.0, "gathered patches": 3.0} if "Conv" in question.forms else {"patches": 2.0, "shifts": 1.0}

    monkeypatch.setattr(tune, "measure", fake)
    (tmp_path / "small.yaml").write_text(SPEC)
    result = cli("compile", str(tmp_path / "small.yaml"), "--tune", "-o", str(tmp_path / "bundle"))
    assert result.exit_code == 0, result.stderr
    (weight, batch), (output, _) = seen
    assert batch == 8
    assert "measured on cpu, batch 8, milliseconds" in result.stdout
    assert "instead of gathered patches" in result.stdout
    assert "shifts 1.00, patches 2.00" in result.stdout
    forms = {weight: "shifts", output: "Conv"}
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_text())["forms"] == forms
    assert load_bundle(tmp_path / "bundle").manifest.forms == forms


def test_it_measures_for_real(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SPEC)
    result = cli("compile", str(tmp_path / "small.yaml"), "--tune", "-o", str(tmp_path / "bundle"))
    assert result.exit_code == 0, result.stderr
    forms = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["forms"]
    problem = " of convolution: x float32(batch, 1, 6, 6), weight float32(2, 1, 3, 3), "
    assert [subject.partition(problem)[0] for subject in forms] == ["weight gradient", "output"]
    weight, output = forms.values()
    assert weight in ("patches", "gathered patches", "exchanged axes", "shifts", "gathered shifts")
    assert output in ("Conv", "gathered patches")


def test_a_spec_without_choices_says_so(cli: Cli, tmp_path: Path) -> None:
    result = cli("compile", "xor_mlp", "--tune", "-o", str(tmp_path / "bundle"))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("nothing to choose: no computation of this spec has several forms\n")


STEPS = """
netwright: 1
name: video
inputs: {frames: [TIME, 1, 6, 6]}
network:
  - time_distributed: [{conv: {filters: 2, kernel_size: 3}}, flatten, {dense: 2}]
training: {loss: squared_error, batch_size: 4}
"""


def test_steps_of_one_length_are_measured_as_rows(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "video.yaml").write_text(STEPS.replace("TIME", "3"))
    result = cli("compile", str(tmp_path / "video.yaml"), "--tune", "-o", str(tmp_path / "bundle"))
    assert result.exit_code == 0, result.stderr
    forms = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["forms"]
    problem = " of convolution: x float32(3*batch, 1, 6, 6), weight float32(2, 1, 3, 3), "
    assert [subject.partition(problem)[0] for subject in forms] == ["weight gradient", "output"]


def test_what_has_any_length_is_not_measured(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "video.yaml").write_text(STEPS.replace("TIME", "time"))
    result = cli("compile", str(tmp_path / "video.yaml"), "--tune", "-o", str(tmp_path / "bundle"))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("not measured: the length of its sequences is open") == 2
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_text())["forms"] == {}
