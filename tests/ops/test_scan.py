"""Loops run by ONNX Runtime: what bodies capture, and every direction and axis."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType, Graph, Value, apply, constant, graph_input, scope, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops import op
from netwright.compiler.ops.loops import scan

BATCH, TIME = symbol("batch"), symbol("time")
RANDOM = np.random.default_rng(3)
XS = RANDOM.normal(size=(5, 2, 3)).astype(np.float32)
WEIGHT = RANDOM.normal(size=(3, 4)).astype(np.float32)
RECURRENT = RANDOM.normal(size=(4, 4)).astype(np.float32)
START = RANDOM.normal(size=(2, 4)).astype(np.float32)
FEEDS = {"x": XS, "start": START, "weight": WEIGHT, "recurrent": RECURRENT}


def run(graph: Graph, feeds: dict[str, np.ndarray], **options: object) -> dict[str, np.ndarray]:
    """The graph's outputs by ONNX Runtime, after all checks; the same by numpy."""
    verify(graph)
    model = emit(graph, **options)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {value.name: feeds[value.name] for value in session.get_inputs()}
    results = dict(zip(graph.outputs, session.run(None, fed), strict=True))
    for name, array in evaluate(graph, feeds).items():
        np.testing.assert_allclose(results[name], array, rtol=1e-5, atol=1e-6)
    return results


def elman_inputs() -> list[Value]:
    return [
        graph_input("x", DType.float32, (TIME, BATCH, 3)),
        graph_input("start", DType.float32, (BATCH, 4)),
        graph_input("weight", DType.float32, (3, 4)),
        graph_input("recurrent", DType.float32, (4, 4)),
    ]


def elman(inputs: list[Value], reverse: bool = False) -> tuple[Value, Value]:
    """h' = tanh(x·W + h·U), with W and U captured."""
    x, start, weight, recurrent = inputs

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        h = op.Tanh(steps[0] @ weight + states[0] @ recurrent)
        return [h], [h]

    with scope("rnn1"):
        (last,), (every,) = scan(step, [start], [x], reverse=reverse)
    return last, every


def elman_by_hand(xs: np.ndarray) -> np.ndarray:
    h, every = START, []
    for x in xs:
        h = np.tanh(x @ WEIGHT + h @ RECURRENT)
        every.append(h)
    return np.stack(every)


@pytest.mark.parametrize("reverse", [False, True])
def test_elman_network(reverse: bool) -> None:
    inputs = elman_inputs()
    last, every = elman(inputs, reverse)
    assert (str(last.type), str(every.type)) == ("float32(batch, 4)", "float32(time, batch, 4)")
    results = run(Graph("elman", tuple(inputs), {"last": last, "every": every}), FEEDS)
    expected = elman_by_hand(XS[::-1])[::-1] if reverse else elman_by_hand(XS)
    np.testing.assert_allclose(results["every"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results["last"], expected[0 if reverse else -1], rtol=1e-5, atol=1e-6)


def test_captured_weights_may_be_inside_the_model() -> None:
    inputs = elman_inputs()
    last, _ = elman(inputs)
    graph = Graph("elman", tuple(inputs), {"last": last})
    results = run(graph, FEEDS, initializers={"weight": WEIGHT, "recurrent": RECURRENT})
    np.testing.assert_allclose(results["last"], elman_by_hand(XS)[-1], rtol=1e-5, atol=1e-6)


def test_captured_values_and_constants_of_the_graph_around() -> None:
    """A computed outer value, and one constant that is read inside and outside."""
    x, start = elman_inputs()[:2]
    half = constant(0.5)
    offset = op.ReduceMean(start, [0], keepdims=0) * half

    def step(states: list[Value], _: list[Value]) -> tuple[list[Value], list[Value]]:
        return [states[0] * half + offset], []

    (last,), _ = scan(step, [start], [x])
    results = run(Graph("g", (x, start), {"last": last, "offset": offset}), FEEDS)
    h = START
    for _ in XS:
        h = h * 0.5 + START.mean(0) * 0.5
    np.testing.assert_allclose(results["last"], h, rtol=1e-5, atol=1e-6)


def test_body_outputs_that_no_node_of_the_body_makes() -> None:
    """The old state, a step itself, a captured value, a constant, and one value as two outputs."""
    x = graph_input("x", DType.float32, (TIME, 2))
    start, shift = graph_input("start", DType.float32, (2,)), graph_input("shift", DType.float32, (2,))

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        total = states[0] + steps[0]
        return [total], [states[0], steps[0], shift, constant(np.array([7.0], np.float32)), total, total]

    (last,), outputs = scan(step, [start], [x])
    named = {"last": last} | {f"output{i}": value for i, value in enumerate(outputs)}
    xs = np.arange(6, dtype=np.float32).reshape(3, 2)
    feeds = {"x": xs, "start": np.array([1, 2], np.float32), "shift": np.array([5, 6], np.float32)}
    results = run(Graph("g", (x, start, shift), named), feeds)
    totals = feeds["start"] + np.cumsum(xs, 0)
    wanted = [np.vstack([feeds["start"], totals[:-1]]), xs, np.tile(feeds["shift"], (3, 1)), np.full((3, 1), 7), totals]
    for i, array in enumerate([*wanted, totals]):
        np.testing.assert_array_equal(results[f"output{i}"], array)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumulative_sum_over_any_axis(axis: int, reverse: bool) -> None:
    x = graph_input("x", DType.float32, (2, 3, 4))
    shape = [2, 3, 4]
    del shape[axis]
    start = op.Expand(constant(0.0), shape)
    _, (sums,) = scan(lambda s, steps: ([s[0] + steps[0]], [s[0] + steps[0]]), [start], [x], axis=axis, reverse=reverse)
    assert sums.shape == (2, 3, 4)
    array = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
    results = run(Graph("g", (x,), {"sums": sums}), {"x": array})
    flipped = np.flip(array, axis) if reverse else array
    wanted = np.cumsum(flipped, axis)
    np.testing.assert_allclose(results["sums"], np.flip(wanted, axis) if reverse else wanted, rtol=1e-5, atol=1e-6)


def test_a_loop_in_a_loop() -> None:
    """Row by row, and in each row element by element, with a value captured through both."""
    x = graph_input("x", DType.float32, (2, 3))
    scale = graph_input("scale", DType.float32, ())
    zero = graph_input("zero", DType.float32, ())

    def row(states: list[Value], rows: list[Value]) -> tuple[list[Value], list[Value]]:
        (total,), _ = scan(lambda s, e: ([s[0] + e[0] * scale], []), [states[0]], [rows[0]])
        return [total], [total]

    (last,), (every,) = scan(row, [zero], [x])
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "scale": np.float32(2), "zero": np.float32(1)}
    results = run(
        Graph("g", (x, scale, zero), {"last": last, "every": every}), {k: np.asarray(v) for k, v in feeds.items()}
    )
    assert results["every"].tolist() == [7.0, 31.0]
    assert results["last"] == 31.0


def test_a_contrib_operator_in_a_body_is_declared() -> None:
    x, start = graph_input("x", DType.float32, (TIME, 2, 2)), graph_input("start", DType.float32, (2, 2))

    def step(states: list[Value], steps: list[Value]) -> tuple[list[Value], list[Value]]:
        return [*apply("FusedMatMul", states[0], steps[0], domain="com.microsoft")], []

    (last,), _ = scan(step, [start], [x])
    model = emit(Graph("g", (x, start), {"last": last}))
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 21, "com.microsoft": 1}


def test_sequences_without_gradients_may_be_read_by_a_loop() -> None:
    inputs = elman_inputs()
    last, _ = elman(inputs)
    (gradient,) = gradients([op.ReduceSum(last * inputs[1], keepdims=0)], [last])
    assert gradient is not None
