"""Unique names for the values of a graph: what the printer shows and what emission writes into ONNX files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import InternalError
from .graph import Graph
from .value import Node, Value


def assign_names(graph: Graph) -> dict[Value, str]:
    """A name for every value of the graph and of the bodies of its nodes, all different.

    Inputs keep their names, and an output takes its public name unless it is an input or already has another
    public name. Everything else is called after `value.name`, numbered where that is taken (`Add`, `Add_1`). Bodies
    share one namespace with the graph around them, because ONNX lets no inner name hide an outer one. The names
    depend on the graph only, never on what was built before it.

    Raises InternalError when two inputs of the graph have one name.
    """
    names = _Names()
    for value in graph.inputs:
        if value.name in names.taken:
            raise InternalError(f"two inputs of the graph {graph.name} are called {value.name}")
        names.claim(value, value.name)
    for name, value in graph.outputs.items():
        if value not in names.assigned and name not in names.taken:
            names.claim(value, name)
    names.fill(graph.nodes(), graph.outputs)
    return names.assigned


def unique_names(taken: Iterable[str], stem: str) -> Iterator[str]:
    """`stem`, `stem_1`, `stem_2`, … without those that are taken when the iterator gets there."""
    taken = taken if isinstance(taken, set) else set(taken)
    number = 0
    while True:
        name = stem if number == 0 else f"{stem}_{number}"
        if name not in taken:
            yield name
        number += 1


class _Names:
    def __init__(self) -> None:
        self.assigned: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.streams: dict[str, Iterator[str]] = {}

    def claim(self, value: Value, name: str) -> None:
        self.assigned[value] = name
        self.taken.add(name)

    def give(self, value: Value) -> None:
        if value in self.assigned:
            return  # a constant that a body shares with the graph around it
        stem = value.name or "value"
        stream = self.streams.setdefault(stem, unique_names(self.taken, stem))
        self.claim(value, next(stream))

    def fill(self, nodes: Iterable[Node], reserved: Iterable[str]) -> None:
        self.taken.update(reserved)  # an output that is an input gets its public name from a node made in emission
        nodes = list(nodes)
        for node in nodes:
            for value in node.outputs:
                self.give(value)
        for node in nodes:
            for attribute in node.attributes.values():
                if isinstance(attribute, Graph):
                    for value in attribute.inputs:
                        self.give(value)
                    self.fill(attribute.nodes(), ())
