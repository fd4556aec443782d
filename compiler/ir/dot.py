"""Graphs as Graphviz DOT, for `netwright show --dot`: `dot -Tsvg` draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from .graph import Graph
from .names import assign_names
from .printer import call_text, constant_text
from .value import Node, Value


def to_dot(graph: Graph) -> str:
    """One box a node, framed by layer; ellipses for inputs and outputs; edges carry the types of the values.

    Constants are written into the box that reads them. Bodies are frames inside the frame of their node's layer.
    """
    names = assign_names(graph)
    drawing = _Drawing(names)
    lines = [
        f"digraph {_quoted(graph.name)} {{",
        "  rankdir=TB; node [fontname=Helvetica, fontsize=10]; edge [fontname=Helvetica, fontsize=8];",
        *drawing.graph(graph, "  "),
        "}",
    ]
    return "\n".join(lines) + "\n"


class _Drawing:
    def __init__(self, names: Mapping[Value, str]) -> None:
        self.names = names
        self.numbers = count()
        self.ids: dict[Value, str] = {}

    def graph(self, graph: Graph, indent: str) -> Iterator[str]:
        for value in graph.inputs:
            self.ids[value] = self.fresh("input")
            label = f"{self.names[value]}\n{value.type}"
            yield f"{indent}{self.ids[value]} [shape=ellipse, label={_quoted(label)}];"
        edges: list[str] = []
        layers: dict[str, list[Node]] = {}
        nodes = [node for node in graph.nodes() if node.op_type != "Constant"]
        for node in nodes:
            layers.setdefault(node.scope, []).append(node)
            self.ids.update(dict.fromkeys(node.outputs, self.fresh("node")))
        for layer, members in layers.items():
            yield from self.layer(layer, members, indent)
        for node in nodes:
            edges.extend(self.edge(value, self.ids[node.outputs[0]]) for value in node.given_inputs)
        for name, value in graph.outputs.items():
            output = self.fresh("output")
            text = name if value.constant is None else f"{name}\n{constant_text(value.constant)}"
            yield f"{indent}{output} [shape=ellipse, style=bold, label={_quoted(text)}];"
            edges.append(self.edge(value, output))
        yield from (f"{indent}{edge}" for edge in edges if edge)

    def layer(self, layer: str, members: list[Node], indent: str) -> Iterator[str]:
        if not layer:
            for node in members:
                yield from self.node(node, indent)
            return
        yield f"{indent}subgraph {self.fresh('cluster')} {{"
        yield f"{indent}  label={_quoted(layer)}; color=gray; fontname=Helvetica; fontsize=10;"
        for node in members:
            yield from self.node(node, indent + "  ")
        yield f"{indent}}}"

    def node(self, node: Node, indent: str) -> Iterator[str]:
        yield f"{indent}{self.ids[node.outputs[0]]} [shape=box, label={_quoted(_label(node))}];"
        for name, attribute in sorted(node.attributes.items()):
            if isinstance(attribute, Graph):
                yield f"{indent}subgraph {self.fresh('cluster')} {{"
                yield f"{indent}  label={_quoted(name)}; style=dashed; fontname=Helvetica; fontsize=10;"
                yield from self.graph(attribute, indent + "  ")
                yield f"{indent}}}"

    def edge(self, value: Value, target: str) -> str:
        if value.constant is not None:
            return ""
        return f"{self.ids[value]} -> {target} [label={_quoted(str(value.type))}];"

    def fresh(self, kind: str) -> str:
        return f"{kind}{next(self.numbers)}"


def _label(node: Node) -> str:
    """The call with `·` for the operands that come by an edge."""
    return call_text(node, dict.fromkeys(node.given_inputs, "·"))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
