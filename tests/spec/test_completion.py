"""The schema for editors: what the language server proposes stands in each schema itself, and as much is valid."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from netwright.compiler.spec import spec_schema
from netwright.compiler.spec.completion import for_completion
from netwright.compiler.spec.loader import read_file
from netwright.compiler.spec.schema import language_schema
from support.bundles import SPECS

SCHEMA = Draft202012Validator(spec_schema())
FAMILY = {
    "type": ["string", "object"],
    "allOf": [{"if": {"type": "string"}, "then": {"enum": ["a", "b"]}}],
    "properties": {"a": {"type": "object"}, "b": {"type": "object"}, "c": {"type": "object"}},
}


def completed(field: dict[str, Any]) -> dict[str, Any]:
    schema = for_completion({"properties": {"field": field}, "$defs": {"family": FAMILY}})
    changed: dict[str, Any] = schema["properties"]["field"]
    return changed


def test_bare_kinds_are_proposed() -> None:
    assert completed({"$ref": "#/$defs/family"})["examples"] == ["a", "b"]
    either = {"type": ["number", "string"], "allOf": [{"if": {"type": "string"}, "then": {"$ref": "#/$defs/family"}}]}
    assert completed(either)["examples"] == ["a", "b"]
    listed = {"if": {"type": "array"}, "then": {"items": {}}, "else": {"$ref": "#/$defs/family"}}
    assert completed(listed)["examples"] == ["a", "b"]


def test_choices_are_proposed() -> None:
    field = {"type": "string", "allOf": [{"if": {"type": "string"}, "then": {"enum": ["x", "y"]}}]}
    assert completed(field)["examples"] == ["x", "y"]
    assert "examples" not in completed({"enum": ["x"]})
    assert "examples" not in completed({"type": "integer"})


@pytest.mark.parametrize(
    ("default", "description"),
    [(0.1, "A rate. Default: 0.1."), ("relu", "A rate. Default: relu."), (None, "A rate.")],
)
def test_defaults_are_told_in_words(default: Any, description: str) -> None:
    changed = completed({"type": "number", "description": "A rate.", "default": default})
    assert changed == {"type": "number", "description": description}


def test_a_field_may_be_called_default() -> None:
    schema = for_completion({"properties": {"default": {"type": "integer"}}, "$defs": {}})
    assert schema["properties"] == {"default": {"type": "integer"}}


@pytest.mark.parametrize("name", SPECS)
def test_the_library_is_valid(name: str) -> None:
    root, _ = read_file(SPECS[name])
    SCHEMA.validate(root.plain())


def test_what_a_spec_needs_may_be_in_an_included_file() -> None:
    valid = SCHEMA.is_valid
    assert not valid({"netwright": 1})
    assert valid({"include": "rest.yaml"})


def test_mistakes_stay_mistakes() -> None:
    strict = Draft202012Validator(language_schema())
    base: dict[str, Any] = {"netwright": 1, "inputs": {"x": [4]}}
    for layer in ("dence", {"dense": {"unit": 3}}, {"dense": {"units": 0}}, {"gelu": "tanhh"}, {"dropout": 2}):
        assert not SCHEMA.is_valid({**base, "network": [layer]})
        assert not strict.is_valid({**base, "network": [layer]})
