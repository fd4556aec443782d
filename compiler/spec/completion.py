"""The schema of specs as the YAML language server completes best from it.

The server proposes `enum`, `const` and `examples` that stand in a schema itself, not those behind a condition. It
writes every `default` out, and stops at one that is null. So what may be written is repeated as `examples`, and
defaults become part of the description, which it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .wording import choices_of, written

Schema = dict[str, Any]

_NAMED: Final = ("properties", "$defs")
_SINGLE: Final = ("items", "additionalProperties", "propertyNames", "if", "then", "else", "not")


def for_completion(schema: Schema) -> Schema:
    """The same schema, in which as much is valid, with proposals at hand."""
    return _Completion(schema["$defs"]).schema(schema)


class _Completion:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def schema(self, schema: Schema) -> Schema:
        changed = {key: self._inside(key, value) for key, value in schema.items() if key != "default"}
        default = schema.get("default")
        if default is not None and "description" in schema:
            changed["description"] += f" Default: {written(default)}."
        proposals = self._proposals(schema)
        if proposals and "enum" not in schema:
            changed["examples"] = proposals
        return changed

    def _inside(self, key: str, value: Any) -> Any:
        if key in _NAMED:
            return {name: self.schema(child) if isinstance(child, dict) else child for name, child in value.items()}
        if key in _SINGLE and isinstance(value, dict):
            return self.schema(value)
        return [self.schema(branch) for branch in value] if key == "allOf" else value

    def _proposals(self, schema: Schema) -> list[Any]:
        """The texts that a schema admits, also where a condition says so."""
        if "$ref" in schema:
            return self._proposals(self._definitions[schema["$ref"].rsplit("/", 1)[-1]])
        found = [*schema.get("examples", []), *choices_of(schema)]
        branches = [*schema.get("allOf", []), schema]
        for branch in branches:
            for key in ("then", "else"):
                if "$ref" in branch.get(key, {}):
                    found += self._proposals(branch[key])
        return list(dict.fromkeys(found))
