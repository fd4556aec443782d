"""Every violation of the schema as a diagnostic in plain words, at the key or value that is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from netwright.schema import as_list

from ..errors import Diagnostic
from .expand.composite import LAYER
from .expand.formulas import holds_formula
from .positions import Node, Path, Positions, mapping
from .scalars import as_float32, fits_float32
from .settings import MAX_REPORTED, NAME_PATTERN
from .suggest import closest, did_you_mean
from .wording import a, expected, expected_number, family_of, fields, plural, received


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


_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "items": _items,
        "properties": _properties,
        "exclusiveMinimum": _bound("exclusiveMinimum"),
        "exclusiveMaximum": _bound("exclusiveMaximum"),
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


class SchemaCheck:
    """Holds trees against the schema of specs, or parts of them against a part of it.

    Text with `${…}` in it passes everywhere: what it stands for is held against the schema once it is calculated.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._validator = _Validator(schema)

    @property
    def definitions(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._schema["$defs"]
        return found

    @property
    def sections(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._schema["properties"]
        return found

    def kind(self, name: str) -> Mapping[str, Any]:
        """The schema of what stands after a kind of layer."""
        found: Mapping[str, Any] = self.definitions["layer"]["properties"].get(name, {})
        return found

    def mistakes(self, node: Node, schema: Mapping[str, Any] | None = None) -> list[Diagnostic]:
        """The mistakes of a tree (up to a bound); `schema` is that of a part."""
        return self.judge(node, schema)[0]

    def judge(self, node: Node, schema: Mapping[str, Any] | None = None) -> tuple[list[Diagnostic], list[Path]]:
        """The mistakes of a tree, and the paths of the values that are wrong."""
        tree, validator = node.plain(), self._validator
        if schema is None:
            errors = validator.iter_errors(tree)
        else:  # a part is judged as what stands under its key
            node, key = _under_key(node)
            errors = validator.descend(tree, schema, path=key)
        legible = (error for error in errors if not _is_uncalculated(error, part=schema is not None))
        violations = [_violation(error) for error in islice(legible, MAX_REPORTED)]
        crowded = {v.path for v in violations if v.keyword == "maxProperties" and "x-family" in v.schema}
        translator = _Translator(Positions(node), self._schema)
        if schema is None and (forgotten := translator.forgotten_dashes(tree)):
            violations = [v for v in violations if v.path[:1] != ("network",)]
            found, paths = self._translated(translator, violations, crowded)
            return [*found, forgotten], [*paths, ("network",)]
        return self._translated(translator, violations, crowded)

    def _translated(
        self, translator: _Translator, violations: list[_Violation], crowded: set[Path]
    ) -> tuple[list[Diagnostic], list[Path]]:
        plain = (
            diagnostic
            for violation in violations
            if not _follows_from_crowding(violation, crowded)
            for diagnostic in translator.translate(violation)
        )
        return list(dict.fromkeys(islice(plain, MAX_REPORTED))), [v.path for v in violations]


def _under_key(part: Node) -> tuple[Node, str]:
    """A tree that holds a part under the nearest key that leads to it."""
    path = part.source.path if part.source is not None else ()
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    return mapping({key: part}, {key: part.place}, part.place), key


def _is_uncalculated(error: ValidationError, *, part: bool) -> bool:
    """Whether a value is a formula where formulas are calculated, which is not for keys and lists of layers."""
    if not holds_formula(error.instance) or "propertyNames" in error.absolute_schema_path:
        return False
    if isinstance(error.schema, Mapping) and _holds_layers(error.schema):
        return False
    path = tuple(error.absolute_path)
    if part:
        return True
    if path[:1] == ("blocks",):
        return "default" in path[-1:] or any(isinstance(step, int) for step in path)
    return len(path) > 1 or path[:1] in (("name",), ("training",), ("data",))


def _holds_layers(schema: Mapping[str, Any]) -> bool:
    """Whether layers are written there: a list of them, or a composite."""
    fields = schema.get("properties", {})
    holders = [schema, *(fields[name] for name in schema.get("required", ()) if name in fields)]
    items = [holder.get("items", {}) for holder in holders]
    return any(LAYER in (item, item.get("items")) for item in items)


@dataclass(frozen=True)
class _Violation:
    """One keyword of the schema that one value breaks."""

    keyword: str
    limit: Any
    value: Any
    schema: Mapping[str, Any]
    """The schema that holds the keyword."""
    path: Path
    of_key: bool
    """Whether the value is a key of the mapping at `path`."""


def _violation(error: ValidationError) -> _Violation:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    of_key = "propertyNames" in error.absolute_schema_path
    path = tuple(error.absolute_path)
    return _Violation(str(error.validator), error.validator_value, error.instance, schema, path, of_key)


def _follows_from_crowding(violation: _Violation, crowded: set[Path]) -> bool:
    """`{dense: , units: 3}` is one mistake: two keys in one entry. What follows from it is not repeated."""
    if violation.path in crowded:
        return violation.keyword != "maxProperties"
    return violation.path[:-1] in crowded and violation.value is None


_Handler: TypeAlias = "Callable[[_Translator, _Violation], Iterable[Diagnostic]]"


class _Translator:
    def __init__(self, positions: Positions, schema: Mapping[str, Any]) -> None:
        self._positions = positions
        self._schema = schema

    def translate(self, violation: _Violation) -> Iterable[Diagnostic]:
        handler = _HANDLERS.get(violation.keyword, _Translator._other)
        return handler(self, violation)

    def forgotten_dashes(self, tree: Any) -> Diagnostic | None:
        """A network that looks like a mapping of names because its layers do not begin with '- '."""
        network = tree.get("network") if isinstance(tree, dict) else None
        if not isinstance(network, dict) or not network or not network.keys() <= self._kinds():
            return None
        message = f"must be a list of layers, received {received(network)}"
        return self._at(("network",), message, "begin each entry of a list with '- '")

    def _kinds(self) -> set[str]:
        return set(self._schema["$defs"]["layer"]["properties"])

    def _at(self, path: Path, message: str, hint: str | None = None, *, of_key: bool = False) -> Diagnostic:
        return Diagnostic(self._positions.origin(path, of_key=of_key), message, hint)

    # --- keys ------------------------------------------------------------------------------------------------------

    def _unknown_keys(self, violation: _Violation) -> Iterator[Diagnostic]:
        schema, path = violation.schema, violation.path
        known = list(schema.get("properties", {}))
        family = family_of(schema)
        for key in violation.value:
            if key in known:
                continue
            if family:
                yield self._at((*path, key), f"unknown {family} '{key}'", _kind_hint(key, known, family), of_key=True)
                continue
            what = "section" if not path else "key"
            hint = did_you_mean(key, known, plural(what))
            if (
                not path
                and not hint.startswith("did")
                and (close := closest(key, self._schema["$defs"]["layer"]["properties"]))
            ):
                hint = f"layers such as {close} belong in the list under 'network'"
            yield self._at((*path, key), f"unknown {what} '{key}'", hint, of_key=True)

    def _missing_key(self, violation: _Violation) -> Iterator[Diagnostic]:
        schema, path = violation.schema, violation.path
        strangers = [key for key in violation.value if key not in schema["properties"]]
        meant = {closest(key, schema["properties"]) for key in strangers}  # misspelled, and reported as that
        for key in schema["required"]:
            if key not in violation.value and key not in meant:
                yield self._missing(path, key, schema)

    def _missing(self, path: Path, key: str, schema: Mapping[str, Any]) -> Diagnostic:
        what = "key" if path else "section"
        field = schema["properties"][key]
        doc = _first_sentence(field.get("description", ""))
        hint = f"{key}: {doc}" if doc else None
        if not path and key == "netwright":
            hint = f"begin the spec with 'netwright: {field['const']}'"
        return self._at(path, f"the {what} '{key}' is missing", hint, of_key=True)

    def _crowded_entry(self, violation: _Violation) -> Iterator[Diagnostic]:
        schema, path = violation.schema, violation.path
        if "x-family" not in schema:
            yield from self._other(violation)
            return
        family = schema["x-family"]
        keys = list(violation.value)
        kinds = [key for key in keys if key in schema["properties"]]
        others = [key for key in keys if key not in kinds]
        if len(kinds) == 1 and others:
            kind = schema["properties"][kinds[0]]
            if all(key in kind["properties"] for key in others):
                listed = " and ".join(f"'{key}'" for key in others)
                verb = "belongs" if len(others) == 1 else "belong"
                message = f"{listed} {verb} inside '{kinds[0]}', not beside it"
                inside = _as_fields(violation.value[kinds[0]], kind)
                hint = f"write {kinds[0]}: {fields({**inside, **{key: violation.value[key] for key in others}})}"
                yield self._at((*path, others[0]), message, hint, of_key=True)
                return
        style = next((key for key in ("type", "kind", "class", "layer") if key in others), None)
        named = violation.value[style] if style else None
        if style is not None and isinstance(named, str):
            kind_name = closest(named, schema["properties"]) or named
            rest = {key: value for key, value in violation.value.items() if key != style}
            message = f"{a(family)} is written with its kind as the key"
            yield self._at((*path, style), message, f"write {kind_name}: {fields(rest)}", of_key=True)
            return
        listed = ", ".join(keys[:-1]) + f" and {keys[-1]}"
        message = f"must name one {family}, received {len(keys)} keys: {listed}"
        yield self._at((*path, keys[1]), message, f"write each {family} as an entry of its own", of_key=True)

    def _empty(self, violation: _Violation) -> Iterator[Diagnostic]:
        path = violation.path
        family = violation.schema.get("x-family")
        if family:
            yield self._at(
                path, f"must name {a(family)}, received an empty mapping", f"write the {family}, or remove it"
            )
        else:
            least = violation.limit
            entries = "one entry" if least == 1 else f"{least} entries"
            yield self._at(path, f"must hold at least {entries}, received {received(violation.value)}")

    # --- values ----------------------------------------------------------------------------------------------------

    def _wrong_value(self, violation: _Violation) -> Iterator[Diagnostic]:
        schema, path, value = violation.schema, violation.path, violation.value
        if value is None and schema.get("required") and path:
            yield from (self._missing(path, key, schema) for key in schema["required"])
            return
        message = f"must be {expected(schema)}, received {received(value)}"
        yield self._at(path, message, _value_hint(value, schema, path))

    def _out_of_bounds(self, violation: _Violation) -> Iterator[Diagnostic]:
        wanted, value = expected_number(violation.schema), violation.value
        rounded = f", which is {received(as_float32(value))} in float32" if _is_rounded(violation) else ""
        yield self._at(violation.path, f"must be {wanted}, received {received(value)}{rounded}")

    def _wrong_choice(self, violation: _Violation) -> Iterator[Diagnostic]:
        path, value = violation.path, violation.value
        choices = [str(choice) for choice in violation.limit]
        family = violation.schema.get("x-family")
        kinds = self._schema["$defs"][family.replace(" ", "_")]["properties"] if family else {}
        if family is None:
            message = f"must be one of {', '.join(choices)}, received {received(value)}"
            close = closest(value, choices) if isinstance(value, str) else None
            yield self._at(path, message, f"did you mean '{close}'?" if close else None)
        elif value in kinds:
            needed = kinds[value]["required"]
            listed = " and ".join(f"'{key}'" for key in needed)
            hint = f"write {value}: {{{', '.join(f'{key}: …' for key in needed)}}}"
            yield self._at(path, f"the {family} '{value}' needs {listed}", hint)
        elif (before := str(value).partition(":"))[0] in kinds and before[1]:
            yield self._at(
                path, f"unknown {family} {received(value)}", f"put a space after the ':': {before[0]}: {before[2]}"
            )
        else:
            hint = _text_hint(str(value), ["number"]) or _kind_hint(str(value), list(kinds), family)
            yield self._at(path, f"unknown {family} {received(value)}", hint)

    def _wrong_constant(self, violation: _Violation) -> Iterator[Diagnostic]:
        path, wanted, value = violation.path, violation.limit, violation.value
        if path == ("netwright",):
            message = f"this netwright reads version {wanted} of the spec language, received {received(value)}"
            yield self._at(path, message, f"write netwright: {wanted}")
        else:
            yield self._at(path, f"must be {received(wanted)}, received {received(value)}")

    def _wrong_pattern(self, violation: _Violation) -> Iterator[Diagnostic]:
        path, value = violation.path, violation.value
        of_key = violation.of_key
        if of_key:
            path = (*path, value)
        if violation.limit != NAME_PATTERN:
            yield self._at(path, f"must match {violation.limit}, received {received(value)}", of_key=of_key)
            return
        message = f"a name holds letters, digits, _ and -, and begins with a letter or _, received {received(value)}"
        better = re.sub(r"[^A-Za-z0-9_-]+", "_", value).strip("_")
        better = better if re.match(NAME_PATTERN, better) else f"_{better}"
        yield self._at(path, message, f"such as '{better}'" if len(better) > 1 else None, of_key=of_key)

    def _other(self, violation: _Violation) -> Iterator[Diagnostic]:
        """A keyword that only schemas handed in from outside use."""
        rule = f"{violation.keyword} {received(violation.limit)}"
        message = f"must satisfy {rule}, received {received(violation.value)}"
        yield self._at(violation.path, message)


_HANDLERS: dict[str, _Handler] = {
    "additionalProperties": _Translator._unknown_keys,
    "required": _Translator._missing_key,
    "maxProperties": _Translator._crowded_entry,
    "minProperties": _Translator._empty,
    "minItems": _Translator._empty,
    "type": _Translator._wrong_value,
    "minimum": _Translator._out_of_bounds,
    "exclusiveMinimum": _Translator._out_of_bounds,
    "maximum": _Translator._out_of_bounds,
    "exclusiveMaximum": _Translator._out_of_bounds,
    "enum": _Translator._wrong_choice,
    "const": _Translator._wrong_constant,
    "pattern": _Translator._wrong_pattern,
}


def _is_rounded(violation: _Violation) -> bool:
    """Whether the number as written is inside the bound, and only as float32 at it."""
    value, limit = violation.value, violation.limit
    return violation.keyword.startswith("exclusive") and value != limit and as_float32(value) == limit


def _kind_hint(word: str, kinds: list[str], family: str) -> str:
    return did_you_mean(word, kinds, plural(family))


def _as_fields(arguments: Any, kind: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a kind written out as fields."""
    if isinstance(arguments, dict):
        return arguments
    shorthand = kind.get("x-shorthand")
    return {shorthand: arguments} if shorthand is not None and arguments is not None else {}


def _first_sentence(text: str) -> str:
    sentence = re.split(r"\.\s|\n\n", text, maxsplit=1)[0].replace("\n", " ").rstrip(".")
    return sentence[:1].lower() + sentence[1:] if re.match(r"[A-Z]([a-z]| [a-z])", sentence) else sentence


_NUMBER_WITH_MARKS = re.compile(r"[-+]?[0-9][0-9_,' ]*")


def _value_hint(value: Any, schema: Mapping[str, Any], path: Path) -> str | None:
    """What the author of a value of the wrong type probably meant."""
    types = as_list(schema.get("type", []))
    if not path:
        return "a spec begins with 'netwright: 1'"
    if value is None:
        return "give it a value, or remove the " + ("'- '" if isinstance(path[-1], int) else "key")
    if isinstance(value, str) and (hint := _text_hint(value, types)):
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
    return "put it in quotes" if types == ["string"] and schema.keys().isdisjoint(["pattern", "x-expected"]) else None


def _list_hint(value: list[Any], schema: Mapping[str, Any]) -> str | None:
    kinds = schema.get("properties", {}) if "x-family" in schema else {}
    if len(value) == 2 and isinstance(value[0], str) and value[0] in kinds:
        return f"write {value[0]}: {received(value[1])}"
    if kinds or "object" not in as_list(schema.get("type", [])):
        return None
    return "write 'key: value' lines without '- '"


def _text_hint(value: str, types: list[str]) -> str | None:
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
