"""Loops after the passes: one where there were two, nothing in them that nobody reads, bodies rewritten like graphs."""

from __future__ import annotations

import numpy as np
from netwright.compiler.ir import DType, Graph, Node, Value, constant, graph_input, op, symbol
from netwright.compiler.ops.loops import scan
from netwright.compiler.ops.scan_gradient import Loop
from netwright.compiler.passes import (
    in_bodies,
    merge_common_subexpressions,
    merge_loops,
    optimize,
    trim_loops,
    use_gemm,
)

TIME, BATCH = symbol("time"), symbol("batch")


def inputs() -> tuple[Value, Value, Value]:
    return (
        graph_input("x", DType.float32, (TIME, BATCH, 3)),
        graph_input("h", DType.float32, (BATCH, 3)),
        graph_input("w", DType.float32, (3, 3)),
    )


def loops(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes() if node.op_type == "Scan"]


def names(graph: Graph) -> list[str]:
    return [node.op_type for node in graph.nodes()]


def test_what_nobody_reads_leaves_the_loop() -> None:
    """A state that serves no other, an output, a sequence, a captured value; what is left keeps its places."""
    x, h, w = inputs()

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        a, b = states
        return [op.Tanh(a @ w + steps[0]), b + a @ w], [a - steps[1], op.Tanh(a)]

    (last, _), (_, every) = scan(step, [h, h], [x, x * 2])
    graph, changed = trim_loops(Graph("g", (x, h, w), {"last": last, "every": every}))
    (loop,) = loops(graph)
    assert changed
    assert (loop.attribute("num_scan_inputs"), loop.attribute("captures"), len(loop.inputs)) == (1, 1, 3)
    assert len(loop.outputs) == 2
    assert trim_loops(graph) == (graph, False)


def test_a_captured_constant_moves_into_the_body_and_is_folded_there() -> None:
    x, h, _ = inputs()
    scale = constant(np.float32(2)) * constant(np.float32(3))
    (last,), _ = scan(lambda s, e: ([s[0] * scale + e[0]], []), [h], [x])
    (loop,) = loops(optimize(Graph("g", (x, h), {"last": last})))
    assert loop.attribute("captures") == 0


def test_loops_over_the_same_body_become_one() -> None:
    x, h, _ = inputs()
    (last,), (every,) = scan(lambda s, e: ([t := op.Tanh(s[0] + e[0])], [t]), [h], [x])
    node = last.node
    assert node is not None
    loop = Loop.of(node)
    more = {**loop.body.outputs, "before": loop.body.inputs[0]}
    attributes = {**node.attributes, "body": Graph("body", loop.body.inputs, more)}
    from netwright.compiler.ir.operator import apply_record, find

    *_, before = apply_record(find("Scan"), node.inputs, attributes)
    graph, changed = merge_loops(Graph("g", (x, h), {"last": last, "every": every, "before": before}))
    (merged,) = loops(graph)
    assert changed
    assert len(merged.outputs) == 3
    assert merge_loops(graph) == (graph, False)


def test_passes_work_through_bodies() -> None:
    x, h, w = inputs()

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        return [states[0] @ w + steps[0] * (states[0] @ w)], []

    (last,), _ = scan(step, [h], [x])
    graph = Graph("g", (x, h, w), {"last": last})
    merged, changed = in_bodies(merge_common_subexpressions)(graph)
    assert changed
    assert names(loops(merged)[0].attribute("body")).count("MatMul") == 1
    assert names(loops(graph)[0].attribute("body")).count("MatMul") == 2
    (plain,), _ = scan(lambda s, e: ([s[0] @ w + e[0]], []), [h], [x])
    fused, _ = in_bodies(use_gemm)(Graph("g", (x, h, w), {"last": plain}))
    assert names(loops(fused)[0].attribute("body")) == ["Gemm"]
