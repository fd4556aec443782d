"""A spec is checked with the kinds that it names; the others are imported when something is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from netwright.cli.library import library
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import load, load_text, model
from netwright.runtime.data import source_schema
from netwright.schema import Definitions, Described, Registry, lazy_kinds

KIND = """\
from dataclasses import dataclass
from some_kinds.base import FAMILY
from netwright.schema import Described

@FAMILY.register("{kind}")
@dataclass(frozen=True, kw_only=True)
class {name}(Described):
    "A kind."
"""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[Collection[str] | None]:
    """What the schemas that are made were limited to."""
    seen: list[Collection[str] | None] = []
    whole = model.language_schema

    def spy(*arguments: Any) -> dict[str, Any]:
        seen.append(arguments[-1])
        return whole(*arguments)

    monkeypatch.setattr(model, "language_schema", spy)
    return seen


@pytest.mark.parametrize("name", list(library()))
def test_the_kinds_it_names_suffice_for_a_valid_spec(name: str, named: list[Collection[str] | None]) -> None:
    load(library()[name].path, data_schema=source_schema)
    (words,) = named
    assert words is not None and "network" in words


def test_a_mistake_is_explained_with_all_kinds_known(named: list[Collection[str] | None]) -> None:
    text = "netwright: 1\ninputs: {x: [2]}\nnetwork: [layer_nrm]\ndata: {source: irs}\n"
    with pytest.raises(SpecError) as caught:
        load_text(text, "a.yaml", data_schema=source_schema)
    assert [d.hint for d in caught.value.diagnostics] == ["did you mean 'layer_norm'?", "did you mean 'iris'?"]
    assert [words is None for words in named] == [False, True]


def test_a_kind_whose_name_is_calculated_is_found() -> None:
    text = """\
netwright: 1
blocks:
  unit: {parameters: {smooth: boolean}, layers: [{dense: {units: 2, activation: "${'silu' if smooth else 'relu'}"}}]}
inputs: {x: [2]}
network: [{unit: {smooth: true}}]
"""
    (dense,) = load_text(text, "a.yaml").network
    assert dense.layer.activation.kind == "silu"  # type: ignore[attr-defined]


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Described]:
    """A package with the kinds `one` and `two`, declared, and `three`, which it forgot to name."""
    package = tmp_path / "some_kinds"
    package.mkdir()
    (package / "base.py").write_text("from netwright.schema import Registry\nFAMILY = Registry('family')\n")
    table = {"one": "first.One", "two": "second.Two"}
    (package / "__init__.py").write_text(
        "from netwright.schema import lazy_kinds\nfrom .base import FAMILY\n"
        f"__getattr__ = lazy_kinds(__name__, {table}, FAMILY)\n"
    )
    for module, kind in (("first", "one"), ("second", "two"), ("third", "three")):
        (package / f"{module}.py").write_text(KIND.format(kind=kind, name=kind.capitalize()))
    monkeypatch.syspath_prepend(str(tmp_path))
    import some_kinds  # type: ignore[import-not-found]

    yield some_kinds.FAMILY
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_kinds"]:
        del sys.modules[name]


def imported() -> set[str]:
    return {name.partition(".")[2] for name in sys.modules if name.startswith("some_kinds.")} - {"base"}


def test_a_declared_kind_is_imported_when_it_is_used(family: Registry[Described]) -> None:
    assert "one" in family and "three" not in family
    assert imported() == set()
    assert family["one"].kind == "one"
    assert imported() == {"first"}
    assert [kind for kind, _ in family.items({"two", "four"})] == ["two"]
    assert imported() == {"first", "second"}


def test_the_whole_family_has_the_kinds_that_were_not_declared_too(family: Registry[Described]) -> None:
    assert list(family) == ["one", "three", "two"]
    assert len(family) == 3
    assert "three" in family


def test_the_schema_of_some_kinds_leaves_the_others_out(family: Registry[Described]) -> None:
    definitions = Definitions(named={"two"})
    definitions.reference(family)
    assert list(definitions.schemas["family"]["properties"]) == ["two"]
    assert imported() == {"second"}


def test_a_declared_name_is_taken(family: Registry[Described]) -> None:
    class Another(Described):
        """A kind."""

    with pytest.raises(ValueError, match=r"^family 'one' is registered twice$"):
        family.register("one")(Another)


def test_a_taken_name_cannot_be_declared() -> None:
    registry: Registry[Described] = Registry("family")
    registry.register("one")(type("One", (Described,), {"__doc__": "A kind."}))
    with pytest.raises(ValueError, match=r"^family 'one' is registered twice$"):
        lazy_kinds("some_kinds", {"one": "first.One"}, registry)
