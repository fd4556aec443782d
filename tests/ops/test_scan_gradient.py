"""Loops differentiated: against central differences, against the same steps written out, and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import NotDifferentiableError, gradients
from netwright.compiler.ir import Array, DType, Graph, Node, Value, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ops import apply, op
from netwright.compiler.ops.loops import scan
from netwright.compiler.passes import optimize
from support.running import Program

BATCH, TIME = symbol("batch"), symbol("time")
SIZES = {"batch": 3, "time": 5}
RANDOM = np.random.default_rng(5)
D = DType.float64


def make(name: str, *shape: Any, dtype: DType = D) -> Value:
    return graph_input(name, dtype, tuple(symbol(dim) if isinstance(dim, str) else dim for dim in shape))


def array_for(value: Value) -> Array:
    shape = [SIZES[str(dim)] if not isinstance(dim, int) else dim for dim in value.shape]
    return RANDOM.uniform(-1, 1, shape).astype(value.dtype.numpy)


def loops_of(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes() if node.op_type == "Scan"]


# --- the loops that are tried: inputs, and a function of them --------------------------------------------------------

Loop = tuple[list[Value], Callable[..., Sequence[Value]]]


def elman(dtype: DType = D, **settings: Any) -> Loop:
    """Both products inside, a bias, and both kinds of output."""

    def run(x: Value, start: Value, w: Value, u: Value, b: Value) -> Sequence[Value]:
        (last,), (every,) = scan(lambda s, e: ([h := op.Tanh(e[0] @ w + s[0] @ u + b)], [h]), [start], [x], **settings)
        return last, every

    shape = ("batch", "time", 2) if settings.get("axis") else ("time", "batch", 2)
    inputs = [make("x", *shape, dtype=dtype), make("start", "batch", 4, dtype=dtype), make("w", 2, 4, dtype=dtype)]
    return [*inputs, make("u", 4, 4, dtype=dtype), make("b", 4, dtype=dtype)], run


def lstm(dtype: DType = D, **settings: Any) -> Loop:
    """Two states, a peephole (its gradient is a sum over the batch), and a mask that no gradient passes."""

    def run(x: Value, h: Value, c: Value, w: Value, u: Value, p: Value) -> Sequence[Value]:
        def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
            z = steps[0] @ w + states[0] @ u
            i, f, g, o = apply("Split", z, None, axis=-1, num_outputs=4)
            cell = op.Sigmoid(f + p * states[1]) * states[1] + op.Sigmoid(i) * op.Tanh(g)
            hidden = op.Sigmoid(o) * op.Tanh(cell)
            kept = op.Greater(op.ReduceSum(steps[0], [1], keepdims=1), -0.5)
            return [op.Where(kept, hidden, states[0]), op.Where(kept, cell, states[1])], [hidden]

        (hidden, cell), (every,) = scan(step, [h, c], [x], **settings)
        return hidden, cell, every

    named = {"x": ("time", "batch", 2), "h": ("batch", 3), "c": ("batch", 3), "w": (2, 12), "u": (3, 12), "p": (3,)}
    return [make(name, *shape, dtype=dtype) for name, shape in named.items()], run


def odd(dtype: DType = D, **settings: Any) -> Loop:
    """A value captured whole (accumulated in the loop), a state that no step reads, a state nobody asks for, an output
    that is a captured value, an output computed from the sequence alone, a softmax after the loop."""

    def run(x: Value, start: Value, shared: Value, v: Value) -> Sequence[Value]:
        def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
            y = states[0] * shared + steps[0] * shared
            return [y, steps[0] * 2, states[2] + steps[0]], [op.Softmax(y @ v, axis=-1), shared, steps[0] * steps[0]]

        (a, b, _), outputs = scan(step, [start, start, start], [x], **settings)
        return a, b, *outputs

    inputs = [make("x", "time", "batch", 2, dtype=dtype), make("start", "batch", 2, dtype=dtype)]
    return [*inputs, make("shared", "batch", 2, dtype=dtype), make("v", 2, 3, dtype=dtype)], run


def nested(dtype: DType = D, **settings: Any) -> Loop:
    """A loop in a loop, with a weight captured through both."""

    def run(x: Value, start: Value, w: Value) -> Sequence[Value]:
        def outer(states: list[Value], rows: list[Value]) -> tuple[list[Value], list[Value]]:
            (total,), (every,) = scan(lambda s, e: ([t := op.Tanh(s[0] * e[0] + w)], [t]), [states[0]], [rows[0]])
            return [total], [every]

        (last,), (every,) = scan(outer, [start], [x], **settings)
        return last, every

    return [make("x", "time", 4, 2, dtype=dtype), make("start", 2, dtype=dtype), make("w", 2, dtype=dtype)], run


LOOPS = {"elman": elman, "lstm": lstm, "odd": odd, "nested": nested}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "reverse": {"reverse": True},
    "recompute": {"recompute": True},
    "reverse and recompute": {"reverse": True, "recompute": True},
}


def all_loops() -> list[Any]:
    return [pytest.param(LOOPS[name], SETTINGS[s], id=f"{name}, {s}") for name in LOOPS for s in SETTINGS]


def objective(outputs: Sequence[Value]) -> Value:
    """One number that depends on every element of every output, differently and not linearly."""
    terms = [op.ReduceSum(op.Sin(y * (i + 1)) * y, keepdims=0) for i, y in enumerate(outputs)]
    return op.Sum(*terms)


def directional(graph: Graph, feeds: dict[str, Array], inputs: Sequence[Value], name: str) -> float:
    step = 1e-6
    moved = [
        feeds | {v.name: feeds[v.name] + sign * step * feeds[f"toward_{v.name}"] for v in inputs} for sign in (1, -1)
    ]
    ahead, behind = (evaluate(graph, one)[name] for one in moved)
    return float((ahead - behind) / (2 * step))


@pytest.mark.parametrize(("make_loop", "settings"), all_loops())
def test_gradients_are_those_of_central_differences(make_loop: Callable[..., Loop], settings: dict[str, Any]) -> None:
    """First and second order, along a random direction, before and after the passes."""
    inputs, run = make_loop(**settings)
    toward = [graph_input(f"toward_{value.name}", value.dtype, value.shape) for value in inputs]
    loss = objective(run(*inputs))
    slope = along(gradients([loss], inputs), toward)
    curvature = along(gradients([slope], inputs), toward)
    graph = Graph("g", (*inputs, *toward), {"loss": loss, "slope": slope, "curvature": curvature})
    feeds = {value.name: array_for(value) for value in graph.inputs}
    results = evaluate(graph, feeds)
    assert results["slope"] == pytest.approx(directional(graph, feeds, inputs, "loss"), rel=1e-6, abs=1e-8)
    assert results["curvature"] == pytest.approx(directional(graph, feeds, inputs, "slope"), rel=1e-5, abs=1e-7)
    for name, array in evaluate(optimize(graph), feeds).items():
        np.testing.assert_allclose(array, results[name], rtol=1e-9, atol=1e-11)


def along(found: Sequence[Value | None], toward: Sequence[Value]) -> Value:
    """The derivative along a direction; every input has one."""
    assert None not in found
    return op.Sum(*(op.ReduceSum(g * t, keepdims=0) for g, t in zip(found, toward, strict=True) if g is not None))


@pytest.mark.parametrize(("make_loop", "settings"), all_loops())
def test_onnx_runtime_gives_the_same_gradients(make_loop: Callable[..., Loop], settings: dict[str, Any]) -> None:
    inputs, run = make_loop(DType.float32, **settings)
    outputs = run(*inputs)
    found = [g for g in gradients([objective(outputs)], inputs) if g is not None]
    feeds = {value.name: array_for(value) for value in inputs}
    wanted = evaluate(Graph("g", tuple(inputs), {str(i): g for i, g in enumerate(found)}), feeds)
    for array, expected in zip(Program(inputs, found)(*feeds.values()), wanted.values(), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)


def test_the_same_steps_written_out() -> None:
    """Every gradient of the loop is that of the graph without a loop."""
    inputs, run = lstm()
    _, hidden, cell, _, u, p = inputs
    w = inputs[3]
    loop = run(*inputs)
    written: list[Value] = []
    five = make("x", 5, "batch", 2)
    for one in apply("Split", five, None, axis=0, num_outputs=5):
        flat = op.Squeeze(one, [0])
        z = flat @ w + hidden @ u
        i, f, g, o = apply("Split", z, None, axis=-1, num_outputs=4)
        new = op.Sigmoid(f + p * cell) * cell + op.Sigmoid(i) * op.Tanh(g)
        made = op.Sigmoid(o) * op.Tanh(new)
        kept = op.Greater(op.ReduceSum(flat, [1], keepdims=1), -0.5)
        hidden, cell = op.Where(kept, made, hidden), op.Where(kept, new, cell)
        written.append(op.Unsqueeze(made, [0]))
    unrolled = [hidden, cell, op.Concat(*written, axis=0)]
    feeds = {value.name: array_for(value) for value in inputs}
    by_loop = evaluate(_gradients_graph(inputs, loop), feeds)
    by_hand = evaluate(_gradients_graph([five, *inputs[1:]], unrolled), feeds)
    for name, array in by_hand.items():
        np.testing.assert_allclose(by_loop[name], array, rtol=1e-10, atol=1e-12)


def _gradients_graph(inputs: list[Value], outputs: Sequence[Value]) -> Graph:
    found = gradients([objective(outputs)], inputs)
    return Graph("g", tuple(inputs), {str(i): g for i, g in enumerate(found) if g is not None})


@pytest.mark.parametrize("recompute", [False, True])
def test_what_needs_no_loop_is_outside(recompute: bool) -> None:
    """One forward loop and one backward; x·W before the loop, every gradient of a weight one product after it."""
    inputs, run = elman(recompute=recompute)
    outputs = run(*inputs)
    found = gradients([objective(outputs)], inputs)
    graph = optimize(Graph("g", tuple(inputs), {f"d{v.name}": g for v, g in zip(inputs, found, strict=True) if g}))
    forward, backward = loops_of(graph)
    products = [[n.op_type for n in loop.attribute("body").nodes() if n.op_type == "Gemm"] for loop in loops_of(graph)]
    assert products == [["Gemm"], ["Gemm"] + ["Gemm"] * recompute]  # h·U; its transpose (and h·U again)
    assert len([n for n in graph.nodes() if n.op_type in ("Gemm", "MatMul")]) == 4  # x·W, dW, dU, dx
    assert backward.attribute("body").outputs.keys() == {"state0.next", "output0"}  # nothing is accumulated
    assert len(forward.outputs) == 3  # the last h, h after every step (it is tanh's own derivative), and before it


def test_recomputing_saves_states_alone() -> None:
    def saved(recompute: bool) -> int:
        inputs, run = lstm(recompute=recompute)
        found = gradients([objective(run(*inputs))], inputs)
        graph = optimize(Graph("g", tuple(inputs), {str(i): g for i, g in enumerate(found) if g is not None}))
        return len(loops_of(graph)[0].outputs) - 3

    assert (saved(False), saved(True)) == (8, 2)


def test_a_loop_that_no_gradient_passes() -> None:
    """The path to the weight goes through indices alone, so only what is outside counts."""
    x, w, start = make("x", "time", 3), make("w", 3), make("start", 1, dtype=DType.int64)

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        return [states[0] + op.ArgMax(steps[0] * steps[0] + w, axis=0, keepdims=1)], []

    (count,), _ = scan(step, [start], [x])
    loss = op.ReduceSum(op.Cast(count, to=D.code) * w, keepdims=0)
    (found,) = gradients([loss], [w])
    assert found is not None
    graph = optimize(Graph("g", (x, w, start), {"g": found}))
    assert len(loops_of(graph)) == 1
    assert gradients([op.ReduceSum(op.Cast(count, to=D.code), keepdims=0)], [w]) == [None]


def test_a_body_without_a_derivative_says_so() -> None:
    x = make("x", "time", 3)
    (_,), (sums,) = scan(
        lambda s, e: ([s[0] + e[0]], [op.Clip(s[0], op.ReduceSum(e[0], keepdims=0))]), [make("start", 3)], [x]
    )
    with pytest.raises(NotDifferentiableError) as caught:
        gradients([op.ReduceSum(sums, keepdims=0)], [x])
    assert str(caught.value) == (
        "Clip has no derivative by its input 1: there is no rule for the bounds of Clip; Max and Min have one"
    )
