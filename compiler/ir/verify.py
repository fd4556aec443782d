"""Check that a graph keeps the IR's rules. Run after every stage, so that a broken rewrite is found where it broke."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import BuildError, InternalError
from .dtype import DType
from .graph import Graph
from .operator import Call, find
from .value import Node, TensorType, Value


def verify(graph: Graph, stage: str | None = None, checked: set[Node] | None = None) -> None:
    """Raise InternalError with every broken rule of the graph and of the bodies in it; `stage` says after what.

    Nodes in `checked` are not looked at again, as they never change; the others are added to it.

    The rules: inputs have names of their own; everything computed rests on the graph's inputs only; nodes come after
    what they read; every node's types are those its operator infers; there is an output, and one called like an
    input is that input; bodies keep the same rules.
    """
    problems = list(_problems(graph, set() if checked is None else checked))
    if problems:
        after = f" after {stage}" if stage else ""
        raise InternalError(f"the graph {graph.name} is broken{after}:" + "".join(f"\n  {text}" for text in problems))


def _problems(graph: Graph, checked: set[Node]) -> Iterator[str]:
    yield from _input_problems(graph)
    yield from _output_problems(graph)
    inputs = set(graph.inputs)
    strangers: set[Value] = set()
    for node in graph.nodes():
        strangers.update([value for value in node.given_inputs if value.node is None and value not in inputs])
        if node not in checked:
            yield from _node_problems(node, checked)
            checked.add(node)
    strangers.update(value for value in graph.outputs.values() if value.node is None and value not in inputs)
    for value in sorted(strangers, key=lambda value: value.serial):
        yield f"{value!r} is no input of the graph"


def _input_problems(graph: Graph) -> Iterator[str]:
    names: set[str] = set()
    for value in graph.inputs:
        if value.node is not None:
            yield f"the input {value!r} is computed by a node"
        if value.name in names:
            yield f"two inputs are called {value.name}"
        names.add(value.name)


def _output_problems(graph: Graph) -> Iterator[str]:
    if not graph.outputs:
        yield "there is no output"
    by_name = {value.name: value for value in graph.inputs}
    for name, value in graph.outputs.items():
        if by_name.get(name, value) is not value:
            yield f"the output {name} is called like an input and is another value, {value!r}"
        if not _is_made(value):
            yield f"the output {name} is no output of its node, {value!r}"


def _is_made(value: Value) -> bool:
    node = value.node
    return node is None or (value.index < len(node.outputs) and node.outputs[value.index] is value)


def _node_problems(node: Node, checked: set[Node]) -> Iterator[str]:
    for value in node.given_inputs:
        if value.node is not None and value.node.serial >= node.serial:
            yield f"{node!r} reads {value!r}, which is made after it"
        if not _is_made(value):
            yield f"{node!r} reads {value!r}, which is no output of its node"
    for name, attribute in node.attributes.items():
        if isinstance(attribute, Graph):
            for problem in _problems(attribute, checked):
                yield f"in {name} of {node.outputs[0]!r}: {problem}"
    if node.inferred:
        return
    try:
        inferred = _inferred(node)
    except (BuildError, InternalError) as error:
        yield f"{node!r} does not infer: {error}"
        return
    types = tuple(output.type for output in node.outputs)
    if inferred != types:
        yield f"{node!r} has the type {_text(types)}, inferred is {_text(inferred)}"


def _inferred(node: Node) -> tuple[TensorType, ...]:
    if node.op_type == "Constant":
        array = node.attribute("value")
        return (TensorType(DType.of(array), array.shape),)
    operator = find(node.op_type, node.domain)
    attributes = {**dict.fromkeys(operator.attributes), **node.attributes}
    return tuple(operator.infer(Call(node.op_type, node.inputs, attributes)))


def _text(types: tuple[TensorType, ...]) -> str:
    return ", ".join(str(type_) for type_ in types)
