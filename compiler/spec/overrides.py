"""`--set training.epochs=3`: values given beside the spec, placed into its tree before anything is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import Diagnostic, Origin, SpecError
from .loader import read_text
from .positions import Node, Path, Place, mapping, path_text, sequence
from .wording import received

FILE = "--set"

_PATH = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+|\[\d+\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def apply_overrides(root: Node, overrides: Sequence[str]) -> Node:
    """The tree with each `PATH=VALUE` set, in order. Mappings on the way are made where they are missing.

    The n-th override is line n of the file `--set` in diagnostics. Raises `SpecError` with all that cannot be applied.
    """
    found: list[Diagnostic] = []
    for number, override in enumerate(overrides, start=1):
        try:
            root = _apply(root, override, number)
        except SpecError as error:
            found += error.diagnostics
    if found:
        raise SpecError(found)
    return root


def _apply(root: Node, override: str, number: int) -> Node:
    text, equals, value = override.partition("=")
    if not equals:
        raise _failure(number, "", f"expected PATH=VALUE, received '{override}'", "such as --set training.epochs=3")
    if not _PATH.fullmatch(text):
        hint = "such as training.epochs or network[2].dense.units"
        raise _failure(number, "", f"'{text}' is not the path of a value", hint)
    path: Path = tuple(int(index) if index else key for index, key in _STEP.findall(text))
    column = len(text) + 2
    if value.strip() not in ("", "~", "null"):
        node, repeated = read_text(value, FILE, line=number, column=column)
        if repeated:
            raise SpecError(repeated)
    else:
        node = Node(None, Place(FILE, number, column))
    return _set(root, path, node, Place(FILE, number, 1), ())


def _set(node: Node, path: Path, value: Node, place: Place, walked: Path) -> Node:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return _set_item(node, step, rest, value, place, walked)
    if node.value is None or node.value == step:  # nothing yet, or a bare kind (`adam`) whose field is being set
        start = {step: Node(None, place)} if node.value == step else {}
        node = mapping(start, dict.fromkeys(start, place), place)
    if not isinstance(node.value, dict):
        where = path_text(walked)
        if isinstance(node.value, tuple):
            hint = f"choose an entry, such as {where}[0]"
            raise _failure(place.line, where, f"'{where}' is a list, so it has no key '{step}'", hint)
        hint = f"set it whole, such as {where}={{{step}: …}}"
        message = f"'{where}' is the value {received(node.value)}, so it has no key '{step}'"
        raise _failure(place.line, where, message, hint)
    child = node.value.get(step, Node(None, place))
    changed = _set(child, rest, value, place, (*walked, step))
    return mapping({**node.value, step: changed}, {step: place, **node.keys}, node.place)


def _set_item(node: Node, index: int, rest: Path, value: Node, place: Place, walked: Path) -> Node:
    if not isinstance(node.value, tuple):
        message = f"'{path_text(walked)}' is not a list, so it has no entry [{index}]"
        raise _failure(place.line, path_text(walked), message)
    if index >= len(node.value):
        count = len(node.value)
        message = f"'{path_text(walked)}' has {count} entries, so there is no entry [{index}]"
        hint = f"entries are counted from [0] to [{count - 1}]" if count else None
        raise _failure(place.line, path_text(walked), message, hint)
    items = list(node.value)
    items[index] = _set(items[index], rest, value, place, (*walked, index))
    return sequence(items, node.place)


def _failure(number: int, path: str, message: str, hint: str | None = None) -> SpecError:
    return SpecError([Diagnostic(Origin(FILE, number, 1, path), message, hint)])
