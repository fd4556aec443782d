"""docs/language.md: it is what the registries say today, and everything in it is true."""

from __future__ import annotations

import re

import pytest
from netwright.cli.reference import Page, reference
from netwright.cli.reference.markdown import TEMPLATE, anchor, language_page
from netwright.compiler import SpecError, compile_spec, load_spec_text
from netwright.compiler.layers import Dense
from netwright.compiler.layers.activations import Relu
from netwright.compiler.spec.expand.arithmetic import FUNCTIONS as CALCULATIONS
from netwright.runtime.data import source_schema
from support.bundles import ROOT, TRAIN_ROWS, compile_without_data
from support.examples import whole_spec

FAMILIES = reference()
PAGES = [page for family in FAMILIES.values() for page in family.pages]
LANGUAGE = ROOT / "docs" / "language.md"
PROSE = TEMPLATE.read_text(encoding="utf-8")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title.replace(" ", "-"))


def test_the_page_is_up_to_date() -> None:
    assert LANGUAGE.read_text(encoding="utf-8") == language_page(FAMILIES), "run `make docs`"


@every_page
def test_a_page_says_what_it_is(page: Page) -> None:
    assert page.summary
    assert len(page.summary) < 160
    assert "\n" not in page.summary
    for field in page.fields:
        assert field.admits, field.name
        assert field.meaning.endswith((".", "…")), field.name


@every_page
def test_an_example_uses_what_it_explains(page: Page) -> None:
    for word in page.name.split("."):
        assert re.search(rf"\b{word}\b", page.example), page.example


@every_page
def test_an_example_compiles(page: Page) -> None:
    bundle = compile_without_data(whole_spec(page.example))
    assert ("step" in bundle.graphs) == ("training" in page.example)


def test_the_specs_of_the_prose_compile() -> None:
    specs = re.findall(r"^```yaml\n(.*?)^```$", PROSE, flags=re.MULTILINE | re.DOTALL)
    assert len(specs) >= 2
    for text in specs:
        compile_spec(load_spec_text(text, data_schema=source_schema()), train_rows=TRAIN_ROWS)


def test_the_changes_of_the_prose_fit_its_first_spec() -> None:
    overrides = re.findall(r"`--set (.*?)`", PROSE)
    assert len(overrides) == 2
    (text, *_) = re.findall(r"^```yaml\n(.*?)^```$", PROSE, flags=re.MULTILINE | re.DOTALL)
    spec = load_spec_text(text, data_schema=source_schema(), overrides=overrides)
    assert spec.training is not None
    assert (spec.training.epochs, spec.network[1].layer) == (3, Dense(units=32, activation=Relu()))


def test_an_optional_layer_is_left_out_by_null() -> None:
    text = "netwright: 1\ninputs: {x: [4]}\nnetwork: [dense: 3, '${null}', {sequence: {name: tower, layers: [relu]}}, "
    spec = load_spec_text(text + "{expression: tower.relu1 + 1}]\n")
    assert [entry.name for entry in spec.network] == ["dense1", "tower/relu1", "expression1"]


def test_the_mistake_of_the_prose_is_reported_like_that() -> None:
    (shown,) = re.findall(r"^```text\n(.*?)\n```$", PROSE, flags=re.MULTILINE | re.DOTALL)
    with pytest.raises(SpecError) as caught:
        load_spec_text("netwright: 1\ninputs: {x: [8]}\nnetwork:\n  - dense: {unit: 3}\n", "digits.yaml")
    assert str(caught.value) == shown


def test_every_function_of_calculations_is_named() -> None:
    paragraph = PROSE[PROSE.index("**`${…}`**") : PROSE.index("**Preprocessing**")]
    assert [name for name in CALCULATIONS if f"`{name}`" not in paragraph] == []


def test_every_family_is_in_the_page() -> None:
    placeholders = re.findall(r"^\{\{ (.*) \}\}$", PROSE, flags=re.MULTILINE)
    assert sorted(placeholders) == sorted(FAMILIES)


def test_every_page_has_a_place_of_its_own_and_links_lead_somewhere() -> None:
    text = LANGUAGE.read_text(encoding="utf-8")
    anchors = [anchor(page) for page in PAGES]
    assert sorted(set(anchors)) == sorted(anchors)
    headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("## ")}
    known = {*re.findall(r'<a id="(.*?)">', text), *headings}
    links = re.findall(r"\]\((.*?)\)", text)
    assert [link for link in links if link.startswith("#") and link[1:] not in known] == []
    assert [link for link in links if not link.startswith("#") and not (LANGUAGE.parent / link).exists()] == []
