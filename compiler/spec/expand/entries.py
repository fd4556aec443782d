"""One entry of a chain as the expander sees it: its kind, its fields, and where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...errors import Origin
from ..positions import Node, Path, Positions, Source, mapping


@dataclass(frozen=True)
class Item:
    """A node of a list of layers, and its path as written."""

    node: Node
    path: Path
    name: str | None = None
    """The name that its key gives it, in a network written as a mapping."""


@dataclass(frozen=True)
class LayerCall:
    """A layer, composite layer or block as it is used: its formulas calculated, the layers inside it left alone."""

    kind: str
    node: Node
    """The whole entry, with its source."""
    argument: Node | None
    """What stands after the kind; None for a bare kind."""
    given_name: str | None
    sound: bool
    """Whether the schema finds nothing wrong in it."""

    @property
    def fields(self) -> Mapping[str, Node]:
        value = self.argument.value if self.argument is not None else None
        return value if isinstance(value, dict) else {}

    @property
    def origin(self) -> Origin:
        """Of the word that names the kind."""
        return self.at()

    def at(self, *steps: str | int) -> Origin:
        """The origin of a part of the argument; of the kind itself without steps."""
        path: Path = () if self.argument is None else (self.kind, *steps)
        return Positions(self.node).origin(path, of_key=not steps)

    @property
    def source(self) -> Source:
        assert self.node.source is not None
        return self.node.source

    def path(self, *steps: str | int) -> Path:
        """The path of a part of the argument as written."""
        return (*self.source.path, self.kind, *steps)

    def references(self, key: str = "from") -> list[tuple[str, Origin]] | None:
        """The names under `from` and where they stand; None when it was not given."""
        given = self.fields.get(key)
        if given is None or given.value is None:
            return None
        if isinstance(given.value, str):
            return [(given.value, self.at(key))]
        items = given.value if isinstance(given.value, tuple) else ()
        return [(item.value, self.at(key, i)) for i, item in enumerate(items) if isinstance(item.value, str)]


@dataclass(frozen=True)
class PlainLayer:
    """What expansion makes: one layer of a registered kind under its full name, with the values it reads."""

    name: str
    kind: str
    sources: tuple[str, ...]
    node: Node
    owner: str
    """The layer whose parameters it uses: itself, or the one it shares them with."""
    cell: PlainCell | None = None
    each_step: bool = False
    """Whether it is inside a `time_distributed`."""


@dataclass(frozen=True)
class PlainCell:
    """The layers of one step of a recurrence. `input`, `states`, `following` and `output` are full names of values."""

    layers: tuple[PlainLayer, ...]
    input: str
    states: tuple[str, ...]
    following: tuple[str, ...]
    output: str


def items_of(node: Node | None, path: Path) -> list[Item]:
    """The entries of a list of layers; a single entry is a list of one, anything else is none."""
    if node is None or node.value is None:
        return []
    if isinstance(node.value, tuple):
        return [Item(child, (*path, i)) for i, child in enumerate(node.value)]
    return [Item(node, path)]


def named_items(node: Node, path: Path) -> list[Item]:
    """The entries of a network written as a mapping, a formula or a layer under each name; or as a list of layers."""
    if not isinstance(node.value, dict):
        return items_of(node, path)
    items = []
    for name, child in node.value.items():
        at: Path = (*path, name)
        items.append(Item(expression_node(child, at) if isinstance(child.value, str) else child, at, name))
    return items


def expression_node(text: Node, path: Path) -> Node:
    """The layer that a formula written in place of a layer stands for."""
    return mapping({"expression": sourced(text, path, ())}, {"expression": text.place}, text.place)


def sourced(node: Node, path: Path, within: tuple[str, ...]) -> Node:
    return replace(node, source=Source(path, within))


def keyed(node: Node) -> Iterator[tuple[str, Node]]:
    """The entries of a mapping; nothing for any other value."""
    yield from node.value.items() if isinstance(node.value, dict) else ()
