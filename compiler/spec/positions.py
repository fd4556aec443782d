"""Where each value of a spec was written.

A spec is carried as a tree of `Node`s from the loader to the typed model: a stage that rewrites the tree (overrides,
blocks, repetition) builds new nodes out of old ones, and each keeps the place of the text it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from ..errors import Origin

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead from the root of a spec to a value."""


class Place(NamedTuple):
    """A point in a text, line and column counted from 1."""

    file: str
    line: int
    column: int


class Source(NamedTuple):
    """What a node in a rewritten tree was written as, for messages."""

    path: Path
    """Where it stands in the spec as written."""
    within: tuple[str, ...] = ()
    """Through which uses it came here, the nearest first: `in block 'bottleneck' used on line 12`."""


_NO_KEYS: Mapping[str, Place] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A YAML value and its place: a scalar, a tuple of nodes, or a mapping of nodes with the places of its keys.

    A node may have several parents (YAML aliases); `size` counts the values it stands for as if each were written
    out, `height` the levels of nesting. `source` is set where a rewritten tree holds text from elsewhere.
    """

    value: Any
    place: Place
    keys: Mapping[str, Place] = field(default_factory=lambda: _NO_KEYS)
    size: int = 1
    height: int = 1
    source: Source | None = None

    def plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def sequence(items: list[Node], place: Place) -> Node:
    return Node(tuple(items), place, size=1 + sum(n.size for n in items), height=_height(items))


def mapping(items: dict[str, Node], keys: dict[str, Place], place: Place) -> Node:
    nodes = list(items.values())
    return Node(items, place, keys, size=1 + sum(n.size for n in nodes), height=_height(nodes))


def _height(children: list[Node]) -> int:
    return 1 + max((n.height for n in children), default=0)


class Positions:
    """Places by path, for whoever holds plain values and finds a mistake in them."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def value(self, path: Path) -> Place:
        """The place of the value at `path`, or of the deepest value on the way there."""
        return self._walk(path).node.place

    def key(self, path: Path) -> Place:
        """The place of the key that names the value at `path`; of the value itself where no key does."""
        found = self._walk(path)
        return found.key if found.key is not None and found.whole else found.node.place

    def origin(self, path: Path, *, of_key: bool = False) -> Origin:
        """The origin of a value, with its path as written, as far as it exists in the spec.

        An empty value (`units:`) has no text of its own, so its key stands for it.
        """
        found = self._walk(path)
        place = found.key if found.key is not None and (of_key or found.node.value is None) else found.node.place
        return Origin(place.file, place.line, place.column, path_text(found.written), found.within)

    def _walk(self, path: Path) -> _Found:
        node, key, source = self._root, None, self._root.source or Source(())
        start = 0  # where in the path the last source stands
        for depth, step in enumerate(path):
            if isinstance(node.value, dict) and step in node.value:
                node, key = node.value[step], node.keys.get(str(step))
            elif isinstance(node.value, tuple) and isinstance(step, int) and 0 <= step < len(node.value):
                node, key = node.value[step], None
            else:
                return _Found(node, key, (*source.path, *path[start:depth]), source.within, whole=False)
            if node.source is not None:
                source, start = node.source, depth + 1
        return _Found(node, key, (*source.path, *path[start:]), source.within, whole=True)


class _Found(NamedTuple):
    node: Node
    key: Place | None
    written: Path
    within: tuple[str, ...]
    whole: bool
    """Whether the path leads all the way to the node."""


_PLAIN_KEY = re.compile(r"[^\s.\[\]'\"]+")


def path_text(path: Path) -> str:
    """`("network", 2, "dense")` -> `network[2].dense`; a key that would be misread is quoted."""
    return "".join(map(_step_text, path)).removeprefix(".")


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{step!r}]"
