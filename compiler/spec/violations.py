"""Every violation of the schema as a diagnostic in plain words, at the key or value that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jsonschema.exceptions import ValidationError

from ..errors import Diagnostic
from .hints import required_keys, text_hint, value_hint
from .positions import Path, Positions
from .scalars import as_float32
from .settings import NAME_PATTERN
from .suggest import closest, did_you_mean
from .wording import a, expected, expected_number, family_of, fields, plural, received


@dataclass(frozen=True)
class Violation:
    """One keyword of the schema that one value breaks."""

    keyword: str
    limit: Any
    value: Any
    schema: Mapping[str, Any]
    """The schema that holds the keyword."""
    path: Path
    of_key: bool
    """Whether the value is a key of the mapping at `path`."""


def read_violation(error: ValidationError) -> Violation:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    of_key = "propertyNames" in error.absolute_schema_path
    path = tuple(error.absolute_path)
    return Violation(str(error.validator), error.validator_value, error.instance, schema, path, of_key)


def follows_from_crowding(violation: Violation, crowded: set[Path]) -> bool:
    """`{dense: , units: 3}` is one mistake: two keys in one entry. What follows from it is not repeated."""
    if violation.path in crowded:
        return violation.keyword != "maxProperties"
    return violation.path[:-1] in crowded and violation.value is None


_Handler: TypeAlias = "Callable[[Translator, Violation], Iterable[Diagnostic]]"


class Translator:
    def __init__(self, positions: Positions, schema: Mapping[str, Any]) -> None:
        self._positions = positions
        self._schema = schema

    def translate(self, violation: Violation) -> Iterable[Diagnostic]:
        handler = _HANDLERS.get(violation.keyword, Translator._other)
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

    def _unknown_keys(self, violation: Violation) -> Iterator[Diagnostic]:
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

    def _missing_key(self, violation: Violation) -> Iterator[Diagnostic]:
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

    def _crowded_entry(self, violation: Violation) -> Iterator[Diagnostic]:
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

    def _empty(self, violation: Violation) -> Iterator[Diagnostic]:
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

    def _wrong_value(self, violation: Violation) -> Iterator[Diagnostic]:
        schema, path, value = violation.schema, violation.path, violation.value
        if value is None and path and (required := required_keys(schema)):
            yield from (self._missing(path, key, schema) for key in required)
            return
        message = f"must be {expected(schema)}, received {received(value)}"
        yield self._at(path, message, value_hint(value, schema, path))

    def _out_of_bounds(self, violation: Violation) -> Iterator[Diagnostic]:
        wanted, value = expected_number(violation.schema), violation.value
        rounded = f", which is {received(as_float32(value))} in float32" if _is_rounded(violation) else ""
        yield self._at(violation.path, f"must be {wanted}, received {received(value)}{rounded}")

    def _wrong_choice(self, violation: Violation) -> Iterator[Diagnostic]:
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
            hint = text_hint(str(value), ["number"]) or _kind_hint(str(value), list(kinds), family)
            yield self._at(path, f"unknown {family} {received(value)}", hint)

    def _wrong_constant(self, violation: Violation) -> Iterator[Diagnostic]:
        path, wanted, value = violation.path, violation.limit, violation.value
        if path == ("netwright",):
            message = f"this netwright reads version {wanted} of the spec language, received {received(value)}"
            yield self._at(path, message, f"write netwright: {wanted}")
        else:
            yield self._at(path, f"must be {received(wanted)}, received {received(value)}")

    def _wrong_pattern(self, violation: Violation) -> Iterator[Diagnostic]:
        path, value = violation.path, violation.value
        of_key = violation.of_key
        if of_key:
            path = (*path, value)
        if violation.limit != NAME_PATTERN:
            wanted = violation.schema.get("x-expected")
            must = f"must be {wanted}" if wanted and not of_key else f"must match {violation.limit}"
            yield self._at(path, f"{must}, received {received(value)}", of_key=of_key)
            return
        message = f"a name holds letters, digits, _ and -, and begins with a letter or _, received {received(value)}"
        better = re.sub(r"[^A-Za-z0-9_-]+", "_", value).strip("_")
        better = better if re.match(NAME_PATTERN, better) else f"_{better}"
        yield self._at(path, message, f"such as '{better}'" if len(better) > 1 else None, of_key=of_key)

    def _other(self, violation: Violation) -> Iterator[Diagnostic]:
        """A keyword that only schemas handed in from outside use."""
        rule = f"{violation.keyword} {received(violation.limit)}"
        message = f"must satisfy {rule}, received {received(violation.value)}"
        yield self._at(violation.path, message)


_HANDLERS: dict[str, _Handler] = {
    "additionalProperties": Translator._unknown_keys,
    "required": Translator._missing_key,
    "maxProperties": Translator._crowded_entry,
    "minProperties": Translator._empty,
    "minItems": Translator._empty,
    "type": Translator._wrong_value,
    "minimum": Translator._out_of_bounds,
    "exclusiveMinimum": Translator._out_of_bounds,
    "maximum": Translator._out_of_bounds,
    "exclusiveMaximum": Translator._out_of_bounds,
    "enum": Translator._wrong_choice,
    "const": Translator._wrong_constant,
    "pattern": Translator._wrong_pattern,
}


def _is_rounded(violation: Violation) -> bool:
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
