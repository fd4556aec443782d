"""The schema of specs as editors need it: `${…}` in the place of any value, and layers that the spec itself defines."""

from __future__ import annotations

import copy
from typing import Any, Final

from netwright.schema import as_list

from .completion import for_completion
from .settings import NAME_PATTERN

_FORMULA: Final[dict[str, Any]] = {"type": "string", "pattern": r"\$\{"}
_FIXED: Final = ("netwright", "include")
"""Sections in which nothing is calculated."""
_LAYERED: Final = ("inputs", "network", "outputs")
"""Sections whose layers may be blocks."""
_LAYER: Final = "#/$defs/layer"
_LAYER_OR_BLOCK: Final = "#/$defs/layer_or_block"


def for_editors(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with formulas, and with kinds of layers of the spec's own where it has blocks or includes files.

    Without blocks an unknown kind of layer is marked as the mistake that it is.
    """
    sections = {
        name: copy.deepcopy(section) if name in _FIXED else _inside(section)
        for name, section in schema["properties"].items()
    }
    definitions = {name: _inside(definition) for name, definition in schema["$defs"].items()}
    definitions["layer_or_block"] = _open(_renamed(definitions["layer"]))
    strict = {name: sections[name] for name in _LAYERED}
    sections.update({name: {"description": strict[name]["description"]} for name in _LAYERED})
    sections["blocks"] = _renamed(sections["blocks"])
    required = schema["required"]
    editable = {
        **{key: value for key, value in schema.items() if key != "required"},
        "allOf": [{"if": {"properties": {"include": False}}, "then": {"required": required}}],
        "properties": sections,
        "if": {"properties": {"blocks": False, "include": False}},
        "then": {"properties": strict},
        "else": {"properties": _renamed(strict)},
        "$defs": definitions,
    }
    return for_completion(editable)


def _inside(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, unchanged itself, within which every value may be text with a formula in it."""
    changed = dict(schema)
    for key in ("properties", "$defs"):
        if key in schema:
            changed[key] = {name: _or_formula(child) for name, child in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            changed[key] = _or_formula(schema[key])
    for key in ("then", "else"):
        if key in schema:
            changed[key] = _branch(schema[key])
    if "allOf" in schema:
        changed["allOf"] = [_branch(branch) for branch in schema["allOf"]]
    if changed.get("if") == {"type": "string"}:
        changed["if"] = {"type": "string", "not": _FORMULA}
    return changed


def _branch(schema: dict[str, Any]) -> dict[str, Any]:
    """A branch of a condition, whose values the schema around it has admitted already."""
    changed = _inside(schema)
    return _or_formula(changed) if "pattern" in schema else changed


def _or_formula(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that admits text with a formula as well."""
    changed = _inside(schema)
    types = as_list(schema.get("type", []))
    if "pattern" in schema:
        changed["pattern"] = f"({schema['pattern']})|{_FORMULA['pattern']}"
    if "enum" in schema:
        changed = {key: value for key, value in changed.items() if key != "enum"}
        changed["if"], changed["then"] = {"not": _FORMULA}, {"enum": schema["enum"]}
    if types and "string" not in types:
        changed["type"] = [*types, "string"]
        changed["allOf"] = [*changed.get("allOf", []), {"if": {"type": "string"}, "then": _FORMULA}]
    return changed


def _renamed(schema: Any) -> Any:
    """The schema with blocks wherever layers may stand."""
    if isinstance(schema, list):
        return [_renamed(item) for item in schema]
    if isinstance(schema, dict):
        return {key: _renamed(value) for key, value in schema.items()}
    return _LAYER_OR_BLOCK if schema == _LAYER else schema


def _open(layer: dict[str, Any]) -> dict[str, Any]:
    """The layers that are known, and any other name for a block."""
    bare = layer["allOf"][0]["then"]["enum"]
    names = {"pattern": f"({NAME_PATTERN})|{_FORMULA['pattern']}", "examples": bare}
    return {
        **layer,
        "allOf": [{"if": {"type": "string"}, "then": names}, *layer["allOf"][1:]],
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"description": "A block of this spec."},
    }
