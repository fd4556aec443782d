"""JSON Schema of described dataclasses, shaped so that a validator's messages stay precise.

No `oneOf`/`anyOf`: a kind admits several YAML forms, and keywords of other types than the value's are ignored by
JSON Schema, so one flat schema says all of them and each mistake is reported where it is.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from typing import Any, Literal

from .described import Described, Registry, field_types, registry_of, union_members

_SCALARS: dict[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean", types.NoneType: "null"}


def registry_schema(registry: Registry[Any]) -> dict[str, Any]:
    """One entry of a family: a bare kind, or a mapping with exactly one kind as its key."""
    kinds = registry.items()
    bare = [kind for kind, cls in kinds if not _required(cls)]
    return {
        "type": ["string", "object"],
        "allOf": [_string_choices(bare)],
        "properties": {kind: described_schema(cls) for kind, cls in kinds},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "x-family": registry.family,
    }


def described_schema(cls: type[Described]) -> dict[str, Any]:
    """The arguments of one kind: its fields, its shorthand value, or nothing when all fields have defaults."""
    fields = describe_fields(cls)
    required = _required(cls)
    schema: dict[str, Any] = {
        "type": ["object"],
        "properties": fields,
        "required": required,
        "additionalProperties": False,
        "description": inspect.getdoc(cls) or "",
    }
    if not required:
        schema["type"].append("null")
    if cls.shorthand is not None and set(required) <= {cls.shorthand}:
        short = fields[cls.shorthand]
        schema["type"] += [t for t in as_list(short["type"]) if t not in schema["type"]]
        for key, value in short.items():
            if key in schema or key in ("default", "description"):
                continue  # `properties` of a nested object stay those of the kind itself
            schema[key] = value
    return schema


def describe_fields(cls: type[Described]) -> dict[str, dict[str, Any]]:
    """Field name -> JSON Schema with description and default, in order of declaration."""
    declared = {f.name: f for f in dataclasses.fields(cls)}
    schemas = {}
    for name, hint in field_types(cls).items():
        field = declared[name]
        schema = dict(field.metadata["schema"] or hint_schema(hint))
        schema.update(field.metadata["bounds"])
        schema["description"] = field.metadata["doc"]
        if isinstance(field.default, (int, float, str, bool)):
            schema["default"] = field.default
        schemas[name] = schema
    return schemas


def hint_schema(hint: Any) -> dict[str, Any]:
    """JSON Schema of a type hint: scalars, Literal, list-like tuples, dict, described classes, families, unions."""
    merged: dict[str, Any] = {"type": []}
    for member in union_members(hint):
        part = _member_schema(member)
        merged["type"] += [t for t in as_list(part.pop("type")) if t not in merged["type"]]
        choices = merged.get("allOf", []) + part.get("allOf", [])
        merged.update(part)
        if choices:
            merged["allOf"] = choices
    if len(merged["type"]) == 1:
        merged["type"] = merged["type"][0]
    return merged


def _member_schema(member: Any) -> dict[str, Any]:
    registry = registry_of(member)
    if registry is not None:
        return registry_schema(registry)
    if member in _SCALARS:
        return {"type": _SCALARS[member]}
    origin, arguments = typing.get_origin(member), typing.get_args(member)
    if origin is Literal:
        return {"type": "string", "allOf": [_string_choices(list(arguments))]}
    if origin is tuple:
        return {"type": "array", "items": hint_schema(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": hint_schema(arguments[1])}
    if isinstance(member, type) and issubclass(member, Described):
        return described_schema(member)
    raise TypeError(f"no JSON Schema for the type hint {member!r}; give the field a `schema`")


def _string_choices(choices: list[str]) -> dict[str, Any]:
    """`enum` for strings alone: values of the schema's other types pass."""
    return {"if": {"type": "string"}, "then": {"enum": choices}}


def as_list(types_: str | list[str]) -> list[str]:
    return [types_] if isinstance(types_, str) else list(types_)


def _required(cls: type[Described]) -> list[str]:
    declared = {f.name: f for f in dataclasses.fields(cls)}
    return [
        name
        for name in field_types(cls)
        if declared[name].default is dataclasses.MISSING and declared[name].default_factory is dataclasses.MISSING
    ]
