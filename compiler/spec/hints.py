"""What the author of a value of the wrong type probably meant."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from netwright.schema import as_list

from .expand.formulas import holds_formula
from .positions import Path
from .wording import received

_NUMBER_WITH_MARKS = re.compile(r"[-+]?[0-9][0-9_,' ]*")


def value_hint(value: Any, schema: Mapping[str, Any], path: Path) -> str | None:
    """What the author of a value of the wrong type probably meant."""
    types = as_list(schema.get("type", []))
    if not path:
        return "a spec begins with 'netwright: 1'"
    if value is None:
        return "give it a value, or remove the " + ("'- '" if isinstance(path[-1], int) else "key")
    if isinstance(value, str) and (hint := text_hint(value, types)):
        return hint
    if isinstance(value, float) and math.isfinite(value) and "integer" in types and value.is_integer():
        return f"write {int(value)}"
    if isinstance(value, float) and math.isfinite(value) and "number" in types:
        return "float32, in which networks calculate, " + ("makes 0 of it" if abs(value) < 1 else "ends at 3.4e38")
    if isinstance(value, dict):
        return "begin each entry of a list with '- '" if "array" in types else None
    if isinstance(value, list):
        return _list_hint(value, schema)
    if "array" in types and "string" not in types:
        shown = f'"{value}"' if holds_formula(value) else value if isinstance(value, str) else received(value)
        return f"write [{shown}]"
    if types == ["object", "null"] and isinstance(path[-1], str) and "x-shorthand" not in schema:
        return f"write {path[-1]} alone, or name the field that is meant"
    if types == ["object"] and isinstance(path[-1], str) and (required := required_keys(schema)):
        return f"write {path[-1]}: {{{', '.join(f'{key}: …' for key in required)}}}"
    return "put it in quotes" if types == ["string"] and schema.keys().isdisjoint(["pattern", "x-expected"]) else None


def required_keys(schema: Mapping[str, Any]) -> list[str]:
    """The keys that a mapping needs: always, or where it has none that stands in their place."""
    return [*schema.get("required", ()), *schema.get("then", {}).get("required", ())]


def _list_hint(value: list[Any], schema: Mapping[str, Any]) -> str | None:
    kinds = schema.get("properties", {}) if "x-family" in schema else {}
    if len(value) == 2 and isinstance(value[0], str) and value[0] in kinds:
        return f"write {value[0]}: {received(value[1])}"
    if kinds or "object" not in as_list(schema.get("type", [])):
        return None
    return "write 'key: value' lines without '- '"


def text_hint(value: str, types: list[str]) -> str | None:
    if "integer" in types or "number" in types:
        if "number" in types and re.fullmatch(r"[-+]?[0-9]+,[0-9]+", value):
            return "the decimal sign is '.', not ','"
        if _NUMBER_WITH_MARKS.fullmatch(value):
            return f"write {re.sub(r'[^-+0-9]', '', value)}, without quotes or separators"
        if re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", value):
            return f"write {value} without quotes"
        if "number" in types and (percentage := re.fullmatch(r"([0-9]+(\.[0-9]+)?) ?%", value)):
            return f"write {float(percentage[1]) / 100:g}"
    if "boolean" in types and value.lower() in ("yes", "on", "y", "no", "off", "n", "true", "false"):
        return "write true" if value.lower() in ("yes", "on", "y", "true") else "write false"
    return None
