"""Schemas and values in plain English, for messages such as `must be a positive integer, received 'ten'`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_LONGEST = 40


def received(value: Any) -> str:
    """A value as a person might have written it, abbreviated."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list):
        return _enclosed("[", [_inner(item) for item in value[:8]], len(value), "]") if value else "an empty list"
    if isinstance(value, dict):
        shown = [f"{key}: {_inner(item)}" for key, item in list(value.items())[:8]]
        return _enclosed("{", shown, len(value), "}") if value else "an empty mapping"
    return str(value)


def _inner(value: Any) -> str:
    if isinstance(value, list):
        return "[…]" if value else "[]"
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, str):
        return value if len(value) <= 20 else value[:20] + "…"
    return "null" if value is None else received(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)


def fields(values: Mapping[str, Any]) -> str:
    """Fields as a flow mapping that can be copied into a spec, such as `{units: 10, name: hidden}`."""
    return (
        "{" + ", ".join(f"{key}: {_inner(value) if value is not None else '…'}" for key, value in values.items()) + "}"
    )


def written(value: Any) -> str:
    """A plain value as YAML in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(written, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else '""' if value == "" else str(value)


def _enclosed(opening: str, parts: list[str], count: int, closing: str) -> str:
    """As many parts as fit, then an ellipsis."""
    shown: list[str] = []
    for part in parts:
        if shown and len(", ".join([*shown, part])) > _LONGEST:
            break
        shown.append(part)
    if len(shown) < count:
        shown.append("…")
    return opening + ", ".join(shown) + closing


def a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith("s") else "s")


def family_of(schema: Mapping[str, Any]) -> str | None:
    """The family behind `$ref`, by its readable name."""
    reference = schema.get("$ref")
    return reference.rsplit("/", 1)[-1].replace("_", " ") if reference else schema.get("x-family")


def types_of(schema: Mapping[str, Any]) -> list[str]:
    if "$ref" in schema:
        return ["string", "object"]
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def expected_number(schema: Mapping[str, Any]) -> str:
    """The numbers a schema admits, for a number that is out of its bounds."""
    return _number("integer" if "integer" in types_of(schema) else "number", schema, many=False)


def expected(schema: Mapping[str, Any], *, many: bool = False) -> str:
    """What a schema admits: `a positive integer`, `a list of names or a mapping`; in the plural with `many`."""
    if "x-expected" in schema:
        return str(schema["x-expected"])
    if family := family_of(schema):
        return plural(family) if many else a(family)
    families = _families(schema)
    words = []
    for kind in sorted(types_of(schema), key=lambda t: t == "object"):  # the simplest form first
        if kind == "null" or (families and kind in ("string", "object")):
            continue
        words.append(_one_type(kind, schema, many))
    words += [plural(family) if many else a(family) for family in families]
    return _or(words) if words else "nothing"


def _families(schema: Mapping[str, Any]) -> list[str]:
    """Families that a conditional branch refers to, such as `float | Schedule`."""
    branches = [*schema.get("allOf", []), schema]
    found = [family_of(branch[key]) for branch in branches for key in ("then", "else") if key in branch]
    return [family for family in found if family]


def _one_type(kind: str, schema: Mapping[str, Any], many: bool) -> str:
    if kind in ("integer", "number"):
        return _number(kind, schema, many)
    if kind == "string":
        if choices := choices_of(schema):
            return "one of " + ", ".join(str(c) for c in choices)
        if "pattern" in schema:
            return "names" if many else "a name"
        return "text"
    if kind == "boolean":
        return "true or false"
    if kind == "array":
        items = schema.get("items") or schema.get("then", {}).get("items")
        inside = f" of {expected(items, many=True)}" if items else ""
        return ("lists" if many else "a list") + inside
    return "mappings" if many else "a mapping"


def choices_of(schema: Mapping[str, Any]) -> list[Any]:
    for branch in [schema, *(b.get("then", {}) for b in schema.get("allOf", []))]:
        if "enum" in branch:
            return list(branch["enum"])
    return []


def _number(kind: str, schema: Mapping[str, Any], many: bool) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if (kind == "integer" and low == 1) or above == 0:
        noun, low, above = f"positive {kind}", None, None
    else:
        noun = kind
    head = plural(noun) if many else a(noun)
    if low is not None and high is not None:
        return f"{head} from {low:g} to {high:g}"
    bounds = []
    if low is not None:
        bounds.append(f"of at least {low:g}")
    if above is not None:
        bounds.append(f"above {above:g}")
    if high is not None:
        bounds.append(f"of at most {high:g}")
    if below is not None:
        bounds.append(f"below {below:g}")
    return f"{head} {' and '.join(bounds)}" if bounds else head


def _or(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    last = ", or " if any(" or " in word or " and " in word for word in words) else " or "
    return ", ".join(words[:-1]) + last + words[-1]
