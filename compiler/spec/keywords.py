"""The keywords of JSON Schema as specs mean them, for `jsonschema`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from netwright.schema import as_list

from .scalars import as_float32, fits_float32


def _is_integer(_checker: Any, value: Any) -> bool:
    """JSON Schema calls 3.0 an integer; in a spec it is one only when written as one."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: Any, value: Any) -> bool:
    """No field of a spec means anything with `.inf` or `.nan`, or with what float32 turns into that or 0."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and fits_float32(value)


def _bound(keyword: str) -> Callable[[Any, float, Any, Any], Iterator[ValidationError]]:
    """A bound that excludes itself, also where it is what float32 rounds the number to: 1 for 0.99999999."""
    plain = Draft202012Validator.VALIDATORS[keyword]

    def check(validator: Any, bound: float, instance: Any, schema: Any) -> Iterator[ValidationError]:
        given = as_float32(instance) if isinstance(instance, float) and fits_float32(instance) else instance
        for error in plain(validator, bound, given, schema):
            error.instance = instance
            yield error

    return check


def _items(validator: Any, items: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The keyword `items`, quick for long lists of plain numbers such as weights written in a spec."""
    plain = isinstance(items, dict) and items.keys() <= {"type", "description"}
    if plain and isinstance(instance, list):
        types = as_list(items["type"])
        if all(any(validator.is_type(item, type_) for type_ in types) for item in instance):
            return
    yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _properties(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The keyword `properties`, quick for families of many kinds: only the keys that are there are looked up."""
    del schema
    for key, value in instance.items() if isinstance(instance, dict) else ():
        if key in properties:
            yield from validator.descend(value, properties[key], path=key, schema_path=key)


SpecValidator: Final = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "items": _items,
        "properties": _properties,
        "exclusiveMinimum": _bound("exclusiveMinimum"),
        "exclusiveMaximum": _bound("exclusiveMaximum"),
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)
