"""docs/import.md: its commands run, its model is imported as shown, and its spec learns."""

from __future__ import annotations

import contextlib
import io
import json
import re
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from netwright.cli.main import app
from netwright.cli.reference.operators import operators_page
from netwright.compiler.foreign import OPSETS
from netwright.compiler.foreign.build import FORMULAS
from onnx import helper, load, save
from support.bundles import ROOT
from support.foreign import model_of
from support.pytorch import import_torch

import_torch()
PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def netwright(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="netwright", catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's reader works: with the exported model, and the spec that the command writes."""
    folder = tmp_path_factory.mktemp("page")
    (code,), (command,) = blocks("python"), blocks("sh")
    with contextlib.chdir(folder), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        exec(code, {})  # the page's own code
        result = netwright(*command.split()[1:])
    assert result.exit_code == 0, result.stderr
    return folder


def test_the_spec_is_written_as_shown(folder: Path) -> None:
    assert (folder / "letters.yaml").read_text(encoding="utf-8") == blocks("yaml")[0]


def test_the_new_head_learns_on_the_frozen_network(folder: Path) -> None:
    with contextlib.chdir(folder):
        Path("head.yaml").write_text(blocks("yaml")[1], encoding="utf-8")
        result = netwright("train", "head.yaml", "-o", "run")
        assert result.exit_code == 0, result.stderr
        summary = json.loads(Path("run/summary.json").read_text(encoding="utf-8"))
        manifest = json.loads(Path("run/bundle/manifest.json").read_text(encoding="utf-8"))
    assert summary["validation"]["accuracy"] > 0.7
    assert [state["name"] for state in manifest["state"] if state["trainable"] and state["kind"] == "parameter"] == [
        "head/weight",
        "head/bias",
    ]
    assert "backbone/0.weight" in {state["name"] for state in manifest["state"]}


def test_a_part_is_frozen_by_name(folder: Path) -> None:
    (pattern,) = re.findall(r"`frozen: (\[.*?\])`", PAGE)
    text = blocks("yaml")[1].replace(", freeze: true", "").replace("training:\n", f"training:\n  frozen: {pattern}\n")
    with contextlib.chdir(folder):
        Path("part.yaml").write_text(text, encoding="utf-8")
        assert netwright("compile", "part.yaml", "-o", "part").exit_code == 0
        states = json.loads(Path("part/manifest.json").read_text(encoding="utf-8"))["state"]
    trained = {state["name"] for state in states if state["kind"] == "parameter" and state["trainable"]}
    assert trained == {"backbone/1.weight", "backbone/1.bias", "head/weight", "head/bias"}


def test_the_error_is_the_one_shown(tmp_path: Path) -> None:
    node = helper.make_node("DFT", ["x"], ["y"], name="spectrum")
    save(model_of([node], inputs={"x": ("N", 4, 1)}, opset=17), tmp_path / "fft.onnx")
    with contextlib.chdir(tmp_path):
        result = netwright("import", "fft.onnx")
    assert (result.exit_code, result.stderr) == (1, blocks("text")[0])


def test_sizes_are_as_said(folder: Path) -> None:
    """The largest weights of the letters, 128 x 26 numbers, are once in two of the files."""
    spec = (folder / "letters.yaml").read_text(encoding="utf-8").replace("\n#", "\n")
    with contextlib.chdir(folder):
        Path("whole.yaml").write_text(spec.replace("\n To train", "\n# To train"), encoding="utf-8")
        result = netwright("compile", "whole.yaml", "-o", "whole")
    assert result.exit_code == 0, result.stderr
    inside = {}
    for file in (folder / "whole").rglob("*.onnx"):
        tensors = [tensor.raw_data for tensor in load(file).graph.initializer]
        inside[file.stem] = sum(len(data) > 12_000 and any(data) for data in tensors)  # zeros are what Adam starts from
    assert inside.pop("inference") == inside.pop("init") == 1
    assert inside.keys() >= {"step", "evaluate", "gradients", "apply"}
    assert not any(inside.values())


def test_what_is_said_of_opsets_and_formulas() -> None:
    assert f"opset {OPSETS[0]} to {OPSETS[1]}" in PAGE
    (listed,) = re.findall(r"not one of a formula \((.*?);", PAGE, flags=re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == FORMULAS


def test_the_list_of_operators_is_up_to_date() -> None:
    assert (ROOT / "docs" / "operators.md").read_text(encoding="utf-8") == operators_page(), "run `make docs`"


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE + operators_page())
    assert len(links) >= 3
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
