"""JSON Schema as lines of the reference."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from netwright.compiler.spec.wording import choices_of, expected, written

from .pages import Field


def fields_of(schema: Mapping[str, Any], *, without: Container[str] = ()) -> tuple[Field, ...]:
    """The properties of a schema, in order of declaration."""
    required = schema.get("required", ())
    return tuple(
        Field(name, _admits(field), _default(field, name in required), field["description"])
        for name, field in schema.get("properties", {}).items()
        if name not in without
    )


def _admits(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return written(schema["const"])
    admits = expected(schema)
    for choice in choices_of(schema):
        admits = admits.replace(f" {choice}", f" `{choice}`", 1)
    return admits


def _default(schema: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    if schema.get("default") is None:
        return ""
    return f"`{written(schema['default'])}`"
