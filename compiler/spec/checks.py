"""Trees held against the schema of specs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from jsonschema.exceptions import ValidationError

from ..errors import Diagnostic
from .expand.composite import LAYER
from .expand.formulas import holds_formula
from .keywords import SpecValidator
from .positions import Node, Path, Positions, mapping
from .settings import MAX_REPORTED
from .violations import Translator, Violation, follows_from_crowding, read_violation


class SchemaCheck:
    """Holds trees against the schema of specs, or parts of them against a part of it.

    Text with `${…}` in it passes everywhere: what it stands for is held against the schema once it is calculated.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._validator = SpecValidator(schema)

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
        violations = [read_violation(error) for error in islice(legible, MAX_REPORTED)]
        crowded = {v.path for v in violations if v.keyword == "maxProperties" and "x-family" in v.schema}
        translator = Translator(Positions(node), self._schema)
        if schema is None and (forgotten := translator.forgotten_dashes(tree)):
            violations = [v for v in violations if v.path[:1] != ("network",)]
            found, paths = self._translated(translator, violations, crowded)
            return [*found, forgotten], [*paths, ("network",)]
        return self._translated(translator, violations, crowded)

    def _translated(
        self, translator: Translator, violations: list[Violation], crowded: set[Path]
    ) -> tuple[list[Diagnostic], list[Path]]:
        plain = (
            diagnostic
            for violation in violations
            if not follows_from_crowding(violation, crowded)
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
