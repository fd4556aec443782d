"""Layers made of layers: `sequence`, `residual`, `parallel`. (`repeat` has a file of its own.)

A composite's fields are its YAML schema and its reference page; `expand` puts plain layers in its place. Adding one is
a class registered here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from netwright.schema import Described, Registry, spec_field

from ..positions import Node, Path, mapping
from ..settings import NAME_PATTERN
from .entries import Item, LayerCall, items_of, keyed, sourced
from .scope import Scope, Sources

if TYPE_CHECKING:
    from .expander import Expander

LAYER: Mapping[str, Any] = {"$ref": "#/$defs/layer"}


def layer_list(least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": LAYER, **({"minItems": least} if least else {})}


_NAMED_BRANCHES: Final[dict[str, Any]] = {
    "minProperties": 2,
    "propertyNames": {"pattern": NAME_PATTERN},
    "additionalProperties": layer_list(0),
}


@dataclass(frozen=True)
class Use:
    """One use of a composite: the layer call, its full name, what it reads, and the scope it stands in."""

    call: LayerCall
    name: str
    sources: Sources
    scope: Scope

    def items(self, field: str, shorthand: str | None = None) -> list[Item]:
        """The entries of the list of layers under a field, or of the argument itself when that is the field."""
        argument = self.call.argument
        if field in self.call.fields:
            return items_of(self.call.fields[field], self.call.path(field))
        if field == shorthand and argument is not None and isinstance(argument.value, tuple):
            return items_of(argument, self.call.path())
        return []

    def text(self, field: str, default: str) -> str:
        value = self.call.fields[field].value if field in self.call.fields else default
        return value if isinstance(value, str) else default


@dataclass(frozen=True, kw_only=True)
class Composite(Described):
    """A layer made of layers."""

    registry: ClassVar[Registry[Composite]] = Registry("composite layer")
    chain_fields: ClassVar[tuple[str, ...]] = ("layers",)
    """The fields that hold layers; their formulas are calculated inside."""

    @classmethod
    @abstractmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        """Put plain layers in its place and say what value it has."""

    @classmethod
    def chains(cls, argument: Node | None) -> Iterator[tuple[Path, Node]]:
        """Every list of layers directly inside, with the path that leads there from the argument."""
        if argument is not None and isinstance(argument.value, tuple):
            yield (), argument
        for key, node in keyed(argument) if argument is not None else ():
            if key in cls.chain_fields:
                yield (key,), node


@Composite.registry.register("sequence")
@dataclass(frozen=True, kw_only=True)
class Sequence(Composite):
    """Layers one after the other under one name: `sequence: {name: tower, layers: [{dense: 64}, relu]}`.

    Its value is that of its last layer. Layers inside are reached from outside as `tower/dense1`, and `shared` can
    apply all of them to another value.
    """

    example: ClassVar[str] = """
network:
  - sequence: {name: tower, layers: [{dense: 16}, relu]}
  - shared: {layer: tower, from: x, name: again}
  - add: {from: [tower, again]}
"""
    shorthand: ClassVar[str | None] = "layers"
    layers: tuple[Any, ...] = spec_field("The layers, each reading the value before it.", schema=layer_list())

    @classmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        scope = expander.inside(use, use.name, use.sources)
        return expander.run(use.items("layers", "layers"), scope)


@Composite.registry.register("residual")
@dataclass(frozen=True, kw_only=True)
class Residual(Composite):
    """Layers whose result is added to what they read: x + layers(x). He et al. 2016, https://arxiv.org/abs/1512.03385.

    `shortcut` lists layers for the other side of the sum where the two shapes differ: shortcut(x) + layers(x).
    """

    example: ClassVar[str] = """
residual:
  - dense: {units: 4, activation: relu}
  - dense: 4
"""
    chain_fields: ClassVar[tuple[str, ...]] = ("layers", "shortcut")
    shorthand: ClassVar[str | None] = "layers"
    layers: tuple[Any, ...] = spec_field("The layers of the branch.", schema=layer_list())
    shortcut: tuple[Any, ...] = spec_field(
        "Layers applied to what it reads before the sum (default: none).", default=(), schema=layer_list(0)
    )

    @classmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        read = expander.one(use.sources, use, "a residual adds to one value")
        branch = expander.run(use.items("layers", "layers"), expander.inside(use, use.name, read))
        shortcut = read
        if items := use.items("shortcut"):
            shortcut = expander.run(items, expander.inside(use, f"{use.name}/shortcut", read))
        return expander.merge(use, "add", [branch, shortcut])


@Composite.registry.register("parallel")
@dataclass(frozen=True, kw_only=True)
class Parallel(Composite):
    """Branches that all read the same value and are merged: `parallel: {branches: {a: […], b: […]}, merge: concat}`.

    A branch without layers, `[]`, passes the value on. Branches may be a list; then they are called `0`, `1`, ….
    """

    example: ClassVar[str] = """
parallel:
  branches:
    narrow: [{dense: {units: 2, activation: tanh}}]
    wide: [{dense: 16}, relu, {dense: 2}]
    same: []
  merge: concat
"""
    chain_fields: ClassVar[tuple[str, ...]] = ("branches",)
    shorthand: ClassVar[str | None] = "branches"
    branches: Any = spec_field(
        "The branches: a list of layers each, by name or in a list.",
        schema={
            "type": ["array", "object"],
            "minItems": 2,
            "items": layer_list(0),
            "x-expected": "a mapping or list of branches, each a list of layers",
            "allOf": [{"if": {"type": "object"}, "then": _NAMED_BRANCHES}],
        },
    )
    merge: Literal["concat", "add", "multiply"] = spec_field("How the branches become one value.", default="concat")
    axis: int = spec_field("For `concat`: the axis that grows, counted as in the layer `concat`.", default=-1)

    @classmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        merge = use.text("merge", "concat")
        axis = use.call.fields.get("axis")
        if axis is not None and merge != "concat":
            expander.report(
                use.call.at("axis"), f"'axis' is for merge: concat, and this merges by {merge}", "remove the axis"
            )
            axis = None
        ends = []
        for name, items in _branches(use):
            scope = expander.inside(use, f"{use.name}/{name}", use.sources)
            end = (
                expander.run(items, scope)
                if items
                else expander.one(use.sources, use, "an empty branch passes one value on")
            )
            expander.alias(f"{use.name}/{name}", end)
            ends.append(end)
        return expander.merge(use, merge, ends, axis)

    @classmethod
    def chains(cls, argument: Node | None) -> Iterator[tuple[Path, Node]]:
        given = argument.value if argument is not None else None
        branches = given.get("branches") if isinstance(given, dict) else argument
        path: Path = ("branches",) if isinstance(given, dict) else ()
        if branches is None:
            return
        if isinstance(branches.value, tuple):
            yield from (((*path, i), branch) for i, branch in enumerate(branches.value))
        else:
            yield from (((*path, name), branch) for name, branch in keyed(branches))


def _branches(use: Use) -> list[tuple[str, list[Item]]]:
    found = []
    for steps, branch in Parallel.chains(use.call.argument):
        found.append((str(steps[-1]), items_of(branch, use.call.path(*steps))))
    return found


def merge_node(use: Use, kind: str, axis: Node | None) -> Node:
    """The entry of the layer that closes a composite, at the word that names the composite."""
    origin = use.call.origin
    place = use.call.node.place._replace(file=origin.file, line=origin.line, column=origin.column)
    if axis is None:
        return Node(kind, place)
    fields = mapping({"axis": axis}, {"axis": axis.place}, place)
    return mapping({kind: sourced(fields, use.call.path(), use.scope.within)}, {kind: place}, place)
