"""Loops: one where there were two over the same steps, and nothing in them that nobody reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from ..ir import Graph, Node, Value, apply
from ..ir.rewrite import rewrite, substitute
from ..ops.loops import Layout, unless_zero
from ..ops.scan_gradient import Loop

Pass = Callable[[Graph], "tuple[Graph, bool]"]

LOOPS: Final = frozenset(["Scan"])


def merge_loops(graph: Graph) -> tuple[Graph, bool]:
    """Loops over the same inputs, whose bodies have the same inputs, become one with the outputs of all.

    A gradient asks a loop for more outputs by making another one (nodes never change); this is where they meet.
    """
    if graph.operators.isdisjoint(LOOPS):
        return graph, False
    groups: dict[Hashable, list[Node]] = {}
    for node in graph.nodes():
        if node.op_type == "Scan":
            groups.setdefault(_same_steps(node), []).append(node)
    merged: dict[Hashable, dict[tuple[Value, Layout | None], Value]] = {}

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        group = groups.get(_same_steps(node), [])
        if len(group) < 2:
            return None
        key = _same_steps(node)
        if key not in merged:
            wanted = dict.fromkeys(result for one in group for result in _results(one))
            merged[key] = dict(zip(wanted, _with_results(node, inputs, list(wanted)), strict=True))
        return [merged[key][result] for result in _results(node)]

    return rewrite(graph, replace, only=LOOPS)


def _same_steps(node: Node) -> Hashable:
    loop = Loop.of(node)
    states = tuple(loop.results[: loop.states])
    layouts = tuple(layout for _, layout in loop.sequences)
    return (node.inputs, loop.body.inputs, states, layouts, node.attribute("recompute"))


def _results(node: Node) -> list[tuple[Value, Layout | None]]:
    """What each output of a loop is: a value of the body, with a layout where its steps are stacked."""
    loop = Loop.of(node)
    return list(zip(loop.results, [*(None for _ in range(loop.states)), *loop.stacks], strict=True))


def _with_results(
    node: Node, inputs: Sequence[Value | None], results: Sequence[tuple[Value, Layout | None]]
) -> Sequence[Value]:
    """The loop over `inputs` with these outputs, the states first."""
    body: Graph = node.attribute("body")
    layouts = [layout for _, layout in results if layout is not None]
    states = len(results) - len(layouts)
    named = {f"state{i}.next" if i < states else f"output{i - states}": value for i, (value, _) in enumerate(results)}
    attributes: dict[str, Any] = {
        **node.attributes,
        "body": Graph(body.name, body.inputs, named),
        "scan_output_axes": unless_zero(layout.axis for layout in layouts),
        "scan_output_directions": unless_zero(int(layout.backward) for layout in layouts),
    }
    return apply("Scan", *inputs, **attributes)


def trim_loops(graph: Graph) -> tuple[Graph, bool]:
    """Take out of loops the outputs that nobody reads, the states that serve nothing else, and the inputs that their
    bodies do not read or that are constants."""
    if graph.operators.isdisjoint(LOOPS):
        return graph, False
    read = {value for node in graph.nodes() for value in node.given_inputs} | set(graph.outputs.values())

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        return _trimmed(node, inputs, read)

    return rewrite(graph, replace, only=LOOPS)


def _trimmed(node: Node, inputs: Sequence[Value | None], read: set[Value]) -> Sequence[Value] | None:
    loop = Loop.of(node)
    count, scanned = loop.states, len(loop.sequences)
    formals, results = loop.body.inputs, loop.results
    states = _living_states(loop, read)
    stacks = [k for k in range(count, len(results)) if node.outputs[k] in read]
    kept = [results[k] for k in (*states, *stacks)]
    used = _read(kept)
    sequences = [i for i in range(count, count + scanned) if formals[i] in used] or [count]
    constants: dict[Value, Value] = {}
    captured: list[int] = []
    first: dict[Value, Value] = {}
    for i in range(count + scanned, len(formals)):
        actual = inputs[i]
        assert actual is not None
        if actual.constant is not None or actual in first:
            constants[formals[i]] = first.get(actual, actual)
        elif formals[i] in used:
            captured.append(i)
            first[actual] = formals[i]
    places = [*states, *sequences, *captured]
    if len(places) == len(formals) and len(kept) == len(results) and not constants:
        return None
    inner = substitute(kept, constants)
    layouts = [loop.stacks[k - count] for k in stacks]
    names = [f"state{i}.next" for i in range(len(states))] + [f"output{i}" for i in range(len(stacks))]
    made = apply(
        "Scan",
        *(inputs[i] for i in places),
        body=Graph(loop.body.name, tuple(formals[i] for i in places), dict(zip(names, inner, strict=True))),
        num_scan_inputs=len(sequences),
        captures=len(captured),
        scan_input_axes=unless_zero(loop.sequences[i - count][1].axis for i in sequences),
        scan_input_directions=unless_zero(int(loop.sequences[i - count][1].backward) for i in sequences),
        scan_output_axes=unless_zero(layout.axis for layout in layouts),
        scan_output_directions=unless_zero(int(layout.backward) for layout in layouts),
        recompute=node.attribute("recompute"),
    )
    found = dict(zip([*states, *stacks], made, strict=True))
    return [found.get(k, output) for k, output in enumerate(node.outputs)]  # what nobody reads may stand as it was


def _living_states(loop: Loop, read: set[Value]) -> list[int]:
    """The states that are read after the loop, or in it for something that is."""
    outputs = loop.node.outputs
    living = {s for s in range(loop.states) if outputs[s] in read}
    roots = [value for value, output in zip(loop.results, outputs, strict=True) if output in read]
    while True:
        used = _read(roots)
        fresh = {s for s in range(loop.states) if loop.body.inputs[s] in used} - living
        if not fresh:
            return sorted(living)
        living |= fresh
        roots += [loop.results[s] for s in fresh]


def _read(values: Sequence[Value]) -> set[Value]:
    nodes = Graph("read", (), {str(i): value for i, value in enumerate(values)}).nodes()
    return set(values).union(*(node.given_inputs for node in nodes))


def in_bodies(one: Pass) -> Pass:
    """A pass that also works through the bodies of loops, and of loops in them."""

    def through(graph: Graph) -> tuple[Graph, bool]:
        graph, changed = one(graph)
        if graph.operators.isdisjoint(LOOPS):
            return graph, changed
        bodies: Mapping[Node, Graph] = {
            node: body
            for node in graph.nodes()
            if node.op_type == "Scan"
            for body, changed_body in [through(node.attribute("body"))]
            if changed_body
        }
        if not bodies:
            return graph, changed

        def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
            attributes: dict[str, Any] = {**node.attributes, "body": bodies.get(node)}
            return apply("Scan", *inputs, **attributes) if node in bodies else None

        return rewrite(graph, replace, only=LOOPS)[0], True

    through.__name__ = one.__name__
    return through
