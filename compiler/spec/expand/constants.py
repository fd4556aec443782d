"""`constants`: values with names, for the formulas of the whole spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...errors import Diagnostic
from ..positions import Node, Positions, Source
from ..settings import TokenizerSettings
from .arithmetic import LATER, MOST_ITEMS, UNKNOWN, is_usable_name
from .entries import keyed
from .formulas import Formulas

CONSTANTS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Values with names, for `${…}` anywhere in the spec. Each may be made of those above it.",
    "propertyNames": {"type": "string", "minLength": 1},
    "additionalProperties": {
        "type": ["integer", "number", "boolean", "string", "array"],
        "x-expected": "a number, text, true or false, or a list",
    },
}


def read_constants(
    root: Node, formulas: Formulas, found: list[Diagnostic], token_sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The constants of a spec, each calculated from those before it. One that has no value is UNKNOWN.

    Before them all come the tokenizers, each the number of its tokens: that in `token_sizes`, or a stand-in.
    """
    positions = Positions(root)
    constants: dict[str, Any] = _sizes_of_tokenizers(root, token_sizes)
    section = root.value.get("constants") if isinstance(root.value, dict) else None
    entries = list(keyed(section)) if section is not None else []
    later = {name: LATER for name, _ in entries}
    for name, node in entries:
        if name in constants:
            message = f"the constant '{name}' has the name of a tokenizer, which is the number of its tokens"
            found.append(Diagnostic(positions.origin(("constants", name), of_key=True), message, "choose another name"))
        if not is_usable_name(name):
            message = f"'{name}' is no name that a formula can mention"
            origin = positions.origin(("constants", name), of_key=True)
            found.append(Diagnostic(origin, message, "use letters, digits and _, and no word of the formula language"))
        value = formulas.apply(node, {**later, **constants}, Source(("constants", name)))
        if value.size > MOST_ITEMS:
            message = f"a constant holds at most {MOST_ITEMS:,} values, received {value.size - 1:,}"
            found.append(Diagnostic(positions.origin(("constants", name)), message, "keep data in files of its own"))
        legible = value.size <= MOST_ITEMS and not formulas.occur_in(value) and not isinstance(value.value, dict)
        constants[name] = value.plain() if legible and value.value is not None else UNKNOWN
    return constants


def _sizes_of_tokenizers(root: Node, known: Mapping[str, int]) -> dict[str, Any]:
    section = root.value.get("tokenizers") if isinstance(root.value, dict) else None
    sizes = {}
    for name, node in keyed(section) if section is not None else ():
        written = node.plain()
        fields = written if isinstance(written, dict) else {"level": written}
        size = fields.get("size")
        if not isinstance(size, int) or isinstance(size, bool):
            size = None  # a formula, or a mistake that the schema reports
        settings = TokenizerSettings(level="bpe" if fields.get("level") == "bpe" else "char", size=size)
        sizes[name] = known.get(name, settings.stand_in)
    return sizes
