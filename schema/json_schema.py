"""JSON Schema (draft 2020-12) of described dataclasses, shaped so that a validator's messages stay precise.

No `oneOf`/`anyOf`: a kind admits several YAML forms, and keywords of other types than the value's are ignored by
JSON Schema, so one flat schema says all of them and each mistake is reported where it is. Each family is written once,
under `$defs`, and referred to, so that families may hold themselves and each other.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args, get_origin

from .described import Described, Registry, declared_fields, field_types, registry_of, union_members

Schema = dict[str, Any]

_SCALARS: dict[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean", types.NoneType: "null"}
_NUMERIC_BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


class Definitions:
    """The `$defs` of one schema: a family is described when it is first referred to.

    `common` holds, for a family, fields that each of its kinds takes besides its own (such as a layer's `name`).
    `named` leaves out the kinds that it does not hold. A document without the names of those is valid by this schema
    exactly when it is by the whole one, but what is wrong with it can only be said by the whole one.
    """

    def __init__(
        self, common: Mapping[str, Mapping[str, Schema]] | None = None, named: Collection[str] | None = None
    ) -> None:
        self.schemas: dict[str, Schema] = {}
        self._common = common or {}
        self._named = named

    def reference(self, registry: Registry[Any]) -> Schema:
        """`{"$ref": …}` to one entry of a family: a bare kind, or a mapping with exactly one kind as its key."""
        key = registry.family.replace(" ", "_")
        if key not in self.schemas:
            self.schemas[key] = {}  # a family may refer to itself while it is being described
            self.schemas[key].update(self._entry(registry))
        return {"$ref": f"#/$defs/{key}"}

    def _entry(self, registry: Registry[Any]) -> Schema:
        kinds = registry.items(self._named)
        bare = [kind for kind, cls in kinds if not required_fields(cls)]
        common = self._common.get(registry.family, {})
        return {
            "type": ["string", "object"],
            "allOf": [{"if": {"type": "string"}, "then": {"enum": bare, "x-family": registry.family}}],
            "properties": {kind: described_schema(cls, self, common) for kind, cls in kinds},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "x-family": registry.family,
        }


def registry_schema(registry: Registry[Any], named: Collection[str] | None = None) -> Schema:
    """The schema of one entry of a family, complete with the `$defs` it needs; `named` as for `Definitions`."""
    definitions = Definitions(named=named)
    return {**definitions.reference(registry), "$defs": definitions.schemas}


def described_schema(
    cls: type[Described], definitions: Definitions, common: Mapping[str, Schema] | None = None
) -> Schema:
    """The arguments of one kind: its fields, its shorthand value, or nothing when all fields have defaults."""
    fields = describe_fields(cls, definitions)
    required = required_fields(cls)
    common = common or {}
    if taken := sorted(fields.keys() & common.keys()):
        raise TypeError(f"{cls.__name__} declares the field '{taken[0]}', which every kind of its family already has")
    schema: Schema = {
        "type": ["object"],
        "properties": {**fields, **common},
        "required": required,
        "additionalProperties": False,
        "description": inspect.getdoc(cls) or "",
    }
    if not required:
        schema["type"].append("null")
    if cls.shorthand is not None and set(required) <= {cls.shorthand}:
        _admit_shorthand(schema, cls.shorthand)
    return schema


def _admit_shorthand(schema: Schema, shorthand: str) -> None:
    """Let the kind also be written as the value of one field; a mapping always means the kind's own fields."""
    schema["x-shorthand"] = shorthand
    short = schema["properties"][shorthand]
    admitted = [t for t in types_of(short) if t not in schema["type"]]
    schema["type"] += admitted
    nested = {key: value for key, value in short.items() if key in ("$ref", "allOf", "properties")}
    if nested:
        schema["allOf"] = [{"if": {"type": admitted}, "then": nested}]
    for key, value in short.items():
        if key not in schema and key not in nested and key not in ("default", "description"):
            schema[key] = value


def describe_fields(cls: type[Described], definitions: Definitions | None = None) -> dict[str, Schema]:
    """Field name -> JSON Schema with description and default, in order of declaration."""
    definitions = definitions if definitions is not None else Definitions()
    declared = declared_fields(cls)
    schemas = {}
    for name, hint in field_types(cls).items():
        field = declared[name]
        schema = dict(field.metadata["schema"] or hint_schema(hint, definitions))
        _bound(schema, field.metadata["bounds"])
        schema["description"] = field.metadata["doc"]
        default = _default(field)
        if default is not dataclasses.MISSING:
            schema["default"] = as_yaml(default)
        schemas[name] = schema
    return schemas


def _bound(schema: Schema, bounds: Mapping[str, Any]) -> None:
    """Bounds on numbers hold for the numbers of a list as well."""
    schema.update(bounds)
    numeric = {key: value for key, value in bounds.items() if key in _NUMERIC_BOUNDS}
    if numeric and "items" in schema:
        schema["items"] = dict(schema["items"])
        _bound(schema["items"], numeric)


def hint_schema(hint: Any, definitions: Definitions) -> Schema:
    """JSON Schema of a type hint: scalars, Literal, list-like tuples, dict, described classes, families, unions."""
    parts = [_member_schema(member, definitions) for member in union_members(hint)]
    if len(parts) == 1:
        return parts[0]
    merged: Schema = {"type": []}
    conditions = []
    for part in parts:
        admitted = types_of(part)
        if set(admitted) & set(merged["type"]):
            raise TypeError(f"the type hint {hint!r} admits one YAML type in two ways; give the field a `schema`")
        merged["type"] += admitted
        if "$ref" in part:
            conditions.append({"if": {"type": admitted}, "then": part})
        else:
            conditions += part.get("allOf", [])
            merged.update({key: value for key, value in part.items() if key not in ("type", "allOf")})
    if conditions:
        merged["allOf"] = conditions
    return merged


def _member_schema(member: Any, definitions: Definitions) -> Schema:
    registry = registry_of(member)
    if registry is not None:
        return definitions.reference(registry)
    if member in _SCALARS:
        return {"type": _SCALARS[member]}
    origin, arguments = get_origin(member), get_args(member)
    if origin is Literal:
        kind = _SCALARS[type(arguments[0])]
        return {"type": kind, "allOf": [_choices(kind, list(arguments))]}
    if origin is tuple:
        return {"type": "array", "items": hint_schema(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": hint_schema(arguments[1], definitions)}
    if isinstance(member, type) and issubclass(member, Described):
        return described_schema(member, definitions)
    raise TypeError(f"no JSON Schema for the type hint {member!r}; give the field a `schema`")


def _choices(kind: str, choices: list[Any]) -> Schema:
    """`enum` for values of one type alone: values of the schema's other types pass."""
    return {"if": {"type": kind}, "then": {"enum": choices}}


def types_of(schema: Schema) -> list[str]:
    """The JSON types a schema made here admits; a reference is always to a family."""
    return ["string", "object"] if "$ref" in schema else as_list(schema["type"])


def as_list(types_: str | list[str]) -> list[str]:
    return [types_] if isinstance(types_, str) else list(types_)


def required_fields(cls: type[Described]) -> list[str]:
    """The fields without a default, in order of declaration."""
    declared = declared_fields(cls)
    return [name for name in field_types(cls) if _default(declared[name]) is dataclasses.MISSING]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def as_yaml(value: Any) -> Any:
    """A field's value as a person would write it: a kind with only defaults is its bare name."""
    if isinstance(value, (tuple, list)):
        return [as_yaml(item) for item in value]
    if isinstance(value, Mapping):
        return {key: as_yaml(item) for key, item in value.items()}
    if not isinstance(value, Described):
        return value
    changed = {
        name: as_yaml(getattr(value, field.name))
        for name, field in declared_fields(type(value)).items()
        if getattr(value, field.name) != _default(field)
    }
    if not value.kind:
        return changed
    return {value.kind: changed} if changed else value.kind
