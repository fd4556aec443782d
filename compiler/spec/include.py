"""`include`: sections of other files, merged under those of the file that names them.

A section that is a mapping is merged key by key; the value of a key is replaced whole, as is every other section.
The including file wins over what it includes, and a later file in the list over an earlier one. Nothing but the named
files is read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path as FilePath
from typing import Any, Final

from ..errors import Diagnostic, Origin, SpecError
from .loader import MAX_VALUES, UnreadableError, read_bytes, read_data
from .positions import Node, Place, Positions, mapping
from .wording import received

MAX_FILES: Final = 64

INCLUDE_SCHEMA: Final[dict[str, Any]] = {
    "type": ["string", "array"],
    "items": {"type": "string"},
    "description": "Other YAML files, by their path from this one, whose sections are used where this file has none.",
}


def resolve_includes(
    root: Node, found: list[Diagnostic], file: str, base: FilePath | None
) -> tuple[Node, list[Diagnostic]]:
    """The tree with what it includes, and all mistakes that leave it usable.

    `file` is what diagnostics call the spec and `base` the folder its includes start from (None: it is in no folder).
    Raises SpecError for a file that cannot be read or that includes itself.
    """
    return _Includes(found).resolve(root, FilePath(file).parent, base, (os.path.normpath(file),))


class _Includes:
    def __init__(self, found: list[Diagnostic]) -> None:
        self._found = list(found)
        self._files = 0
        self._values = 0

    def resolve(
        self, root: Node, shown: FilePath, base: FilePath | None, trail: tuple[str, ...]
    ) -> tuple[Node, list[Diagnostic]]:
        return self._merged(root, shown, base, trail), self._found

    def _merged(self, root: Node, shown: FilePath, base: FilePath | None, trail: tuple[str, ...]) -> Node:
        """One file with all that it includes. `shown` and `base` are its folder, as named and as read."""
        if not isinstance(root.value, dict) or "include" not in root.value:
            return root
        own = {name: node for name, node in root.value.items() if name != "include"}
        merged = mapping({}, {}, root.place)
        for place, name in self._names(root):
            merged = _over(self._read(name, place, shown, base, trail), merged)
        return _over(mapping(own, {key: root.keys[key] for key in own}, root.place), merged)

    def _names(self, root: Node) -> list[tuple[Place, str]]:
        given = root.value["include"]
        nodes = given.value if isinstance(given.value, tuple) else (given,)
        wrong = [node for node in nodes if not isinstance(node.value, str) or not node.value]
        for node in wrong:
            origin = Positions(root).origin(("include",), of_key=node.value is None)
            message = f"must be the path of a YAML file, or a list of them, received {received(node.plain())}"
            self._found.append(Diagnostic(origin, message, "such as 'include: common.yaml'"))
        return [(node.place, node.value) for node in nodes if node not in wrong]

    def _read(self, name: str, place: Place, shown: FilePath, base: FilePath | None, trail: tuple[str, ...]) -> Node:
        if "${" in name:
            raise _failure(place, f"'{name}' cannot be calculated: files are read before formulas", "name the file")
        if base is None:
            message = f"'{name}' cannot be included: this spec is not in a file"
            raise _failure(place, message, "write the spec to a file, or say where its includes start from")
        full, called = base / name, os.path.normpath(shown / name)
        if called in trail:
            circle = " → ".join([*trail[trail.index(called) :], called])
            raise _failure(place, f"'{name}' includes itself: {circle}", "remove one of the includes")
        self._files += 1
        if self._files > MAX_FILES:
            raise _failure(place, f"more than {MAX_FILES} files are included")
        root, found = read_data(_content(full, name, place), called)
        if not isinstance(root.value, dict):
            raise _failure(root.place, "an included file must hold sections", "such as 'blocks:' or 'training:'")
        self._values += root.size
        if self._values > MAX_VALUES:
            raise _failure(place, f"the included files hold more than {MAX_VALUES:,} values")
        self._found += found
        return self._merged(root, FilePath(called).parent, full.parent, (*trail, called))


def _content(path: FilePath, name: str, place: Place) -> bytes:
    try:
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # devices and pipes may have no end
            raise _failure(place, f"'{name}' is not a file", "include YAML files only")
    except (OSError, ValueError):
        pass  # said by the reader
    try:
        return read_bytes(path)
    except UnreadableError as problem:
        raise _failure(place, f"'{name}': {problem.message}", problem.hint) from None


def _over(upper: Node, lower: Node) -> Node:
    """`upper` with what only `lower` says."""
    items, keys = dict(lower.value), dict(lower.keys)
    for name, node in upper.value.items():
        keys[name] = upper.keys[name]
        items[name] = _section_over(node, items[name]) if name in items else node
    return mapping(items, keys, upper.place)


def _section_over(upper: Node, lower: Node) -> Node:
    if isinstance(lower.value, dict) and isinstance(upper.value, dict):
        return mapping({**lower.value, **upper.value}, {**lower.keys, **upper.keys}, upper.place)
    return upper


def _failure(place: Place, message: str, hint: str | None = None) -> SpecError:
    return SpecError([Diagnostic(Origin(place.file, place.line, place.column, "include"), message, hint)])
