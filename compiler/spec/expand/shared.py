"""`shared`: the parameters of an earlier layer, or of all layers of an earlier composite or block, used once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..positions import Node, mapping
from .composite import Use
from .entries import PlainLayer, sourced
from .scope import Sources

if TYPE_CHECKING:
    from .expander import Expander


@dataclass(frozen=True)
class Group:
    """The plain layers that a composite or block was expanded to, and what flowed into it."""

    name: str
    layers: tuple[PlainLayer, ...]
    sources: tuple[str, ...]
    value: str


def expand_shared(use: Use, expander: Expander, own: str) -> Sources:
    """One `shared` layer for each layer of what it names, reading each other as the originals do."""
    argument = use.call.argument
    written = use.call.fields.get("layer", argument)
    at = use.call.at("layer") if "layer" in use.call.fields else use.call.at()
    if written is None or not isinstance(written.value, str):
        return ()  # the schema has said so
    found = expander.find_layer(written.value, at, use.scope, own)
    sources = expander.chosen(use.sources, use.call)
    if found is None:
        return ()
    if isinstance(found, PlainLayer):
        return _emit(use, expander, use.name, found, sources)
    return _expand_group(use, expander, found, sources)


def _expand_group(use: Use, expander: Expander, group: Group, sources: tuple[str, ...]) -> Sources:
    if len(sources) != len(group.sources):
        if sources:
            wanted = "1 value" if len(group.sources) == 1 else f"{len(group.sources)} values"
            name = group.name.removeprefix(use.scope.prefix)
            message = f"'{name}' reads {wanted}, so its copy cannot read {len(sources)}"
            expander.report(use.call.origin, message, "name as many under 'from'")
        return ()
    renamed = dict(zip(group.sources, sources, strict=True))
    expander.rows.copy(group.name, use.name, use.call.origin.line)
    for layer in group.layers:
        name = use.name + layer.name.removeprefix(group.name)
        renamed[layer.name] = name
        _emit(use, expander, name, layer, tuple(renamed.get(source, source) for source in layer.sources))
    for alias in expander.aliases_inside(group.name):
        original = expander.values[alias]
        expander.alias(use.name + alias.removeprefix(group.name), (renamed.get(original, original),))
    return (renamed[group.value],) if group.value in renamed else (group.value,)


def _emit(use: Use, expander: Expander, name: str, original: PlainLayer, sources: tuple[str, ...]) -> Sources:
    key = use.call.origin
    place = use.call.node.place._replace(file=key.file, line=key.line, column=key.column)
    argument = use.call.argument.place if use.call.argument is not None else place
    fields = mapping({"layer": Node(original.owner, argument)}, {"layer": argument}, argument)
    node = sourced(mapping({"shared": fields}, {"shared": place}, place), use.call.source.path, use.scope.within)
    return expander.emit(PlainLayer(name, "shared", sources, node, original.owner))
