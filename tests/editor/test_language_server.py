"""The JSON Schema in editors, tried with the language server that they run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import language_server
import pytest
from language_server import LanguageServer
from netwright.compiler import load_spec_text, spec_schema
from netwright.compiler.layers import Layer
from netwright.compiler.spec.expand import Composite
from netwright.runtime.data import source_schema
from support.bundles import ROOT, SPECS

MODELINE = "# yaml-language-server: $schema=netwright.schema.json\n"
HEAD = MODELINE + "netwright: 1\ninputs: {x: [4]}\n"


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("editor")
    schema = json.dumps(spec_schema(source_schema()), ensure_ascii=False)
    (folder / "netwright.schema.json").write_text(schema, encoding="utf-8")
    server = LanguageServer(folder / "mine.yaml")
    yield server
    server.close()


def test_layers_are_completed(editor: LanguageServer) -> None:
    offered = editor.completions(HEAD + "network:\n  - |\n")
    assert set(Layer.registry) | set(Composite.registry) <= set(offered)


def test_fields_of_a_layer_are_completed(editor: LanguageServer) -> None:
    offered = editor.completions(HEAD + "network:\n  - dense:\n      |\n")
    assert {"units", "activation", "use_bias", "name", "from"} <= set(offered)


def test_values_are_completed(editor: LanguageServer) -> None:
    offered = editor.completions(HEAD + "network:\n  - dense:\n      units: 3\n      activation: |\n")
    assert {"relu", "tanh", "softmax"} <= set(offered)


def test_sections_and_data_sources_are_completed(editor: LanguageServer) -> None:
    assert {"network", "outputs", "training", "data"} <= set(editor.completions(HEAD + "|\n"))
    assert {"digits", "mnist"} <= set(editor.completions(HEAD + "network: [relu]\ndata:\n  source: |\n"))
    assert "adam" in editor.completions(HEAD + "network: [relu]\ntraining:\n  optimizer: |\n")
    assert "concat" in editor.completions(HEAD + "network:\n  - parallel:\n      merge: |\n")


def test_pointing_at_a_field_shows_its_meaning(editor: LanguageServer) -> None:
    assert "Number of outputs." in editor.hover(HEAD + "network:\n  - dense:\n      un|its: 3\n")
    shown = editor.hover(HEAD + "network:\n  - dense:\n      units: 3\n      use_b|ias: false\n")
    assert "Whether to add a bias. Default: true." in shown


def test_pointing_at_a_layer_shows_its_page(editor: LanguageServer) -> None:
    shown = editor.hover(HEAD + "network:\n  - den|se:\n      units: 3\n")
    assert "Fully connected layer" in shown


def test_a_wrong_key_is_underlined(editor: LanguageServer) -> None:
    (found,) = editor.diagnostics(HEAD + "network:\n  - dense:\n      units: 3\n      unit: 3\n")
    assert "unit" in found["message"]
    assert found["range"]["start"] == {"line": 6, "character": 6}


def test_a_wrong_value_is_underlined(editor: LanguageServer) -> None:
    found = editor.diagnostics(HEAD + "network:\n  - dense:\n      units: 0\n")
    assert [diagnostic["range"]["start"]["line"] for diagnostic in found] == [5]


def test_a_layer_that_does_not_exist_is_underlined(editor: LanguageServer) -> None:
    found = editor.diagnostics(HEAD + "network:\n  - dence: 3\n")
    assert {diagnostic["range"]["start"]["line"] for diagnostic in found} == {4}


@pytest.mark.parametrize("name", SPECS)
def test_nothing_is_underlined_in_the_model_library(editor: LanguageServer, name: str) -> None:
    assert editor.diagnostics(MODELINE + SPECS[name].read_text(encoding="utf-8")) == []


def test_nothing_is_underlined_in_formulas_and_blocks(editor: LanguageServer) -> None:
    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    specs = [
        text for text in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "netwright:" in text
    ]
    assert any("${" in text for text in specs)
    for text in specs:
        if "inputs:" in text:
            assert editor.diagnostics(MODELINE + text) == [], text


def test_the_spec_of_the_page_is_right(editor: LanguageServer) -> None:
    page = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    load_spec_text(text)
    assert editor.diagnostics(text) == []
    assert text.startswith(MODELINE)


def test_a_missing_server_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(language_server, "HERE", tmp_path)
    with pytest.raises(pytest.fail.Exception) as caught:
        LanguageServer(tmp_path / "mine.yaml")
    assert str(caught.value) == (
        "yaml-language-server is missing; install it with: "
        "npm install --prefix tests/editor --ignore-scripts --no-package-lock"
    )
