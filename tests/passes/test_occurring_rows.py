"""What is made of the gradient of a large table is made for the rows that occur, and comes out the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import onnxruntime
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.emit import emit
from netwright.compiler.ir import Array, DType, Graph, Value, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ops import op
from netwright.compiler.passes import optimize, use_occurring_rows

N = symbol("batch")
ROWS, WIDTH, COUNT = 300, 8, 20_000
TABLE = (ROWS, WIDTH)
WORDS = graph_input("words", DType.int64, (N,))
DY = graph_input("dy", DType.float32, (N, WIDTH))
SLOT, OTHER = graph_input("slot", DType.float32, TABLE), graph_input("other", DType.float32, TABLE)
RATE = graph_input("rate", DType.float32, ())
INPUTS = (WORDS, DY, SLOT, OTHER, RATE)

Use = Callable[[Value], "Value | tuple[Value, ...]"]


def table_gradient(words: Value = WORDS, dtype: DType = DType.float32) -> Value:
    table = graph_input("table", dtype, TABLE)
    dy = DY if dtype is DType.float32 else op.Cast(DY, to=dtype.code)
    (gradient,) = gradients([op.Gather(table, words)], [table], [dy])
    assert gradient is not None
    return gradient


def graph(use: Use, gradient: Value | None = None) -> Graph:
    made = use(table_gradient() if gradient is None else gradient)
    outputs = made if isinstance(made, tuple) else (made,)
    return Graph("test", INPUTS, {f"y{i}": value for i, value in enumerate(outputs)})


def feeds(words: Array, *, whole: bool = False) -> Mapping[str, Array]:
    """Whole numbers where sums in any order must have the same bits."""
    random = np.random.default_rng(0)
    shapes = {"dy": (len(words), WIDTH), "slot": TABLE, "other": TABLE, "rate": ()}
    numbers = {name: np.asarray(random.normal(size=shape) * 4, np.float32) for name, shape in shapes.items()}
    return {"words": words} | {name: np.rint(array, out=array) if whole else array for name, array in numbers.items()}


def operators(graph: Graph) -> Mapping[str, int]:
    return Counter(node.op_type for node in graph.nodes())


def over_the_table(graph: Graph) -> list[str]:
    """The operators that make a matrix as large as the table."""
    return [node.op_type for node in graph.nodes() for value in node.outputs if value.shape == TABLE]


def moments(g: Value) -> tuple[Value, ...]:
    return SLOT * 0.9 + g, OTHER * 0.999 + g * g


def clipped(g: Value) -> tuple[Value, ...]:
    factor = op.Min(1.0 / op.Sqrt(op.Sum(op.ReduceSumSquare(g, keepdims=0), RATE * RATE)), 1.0)
    return moments(g * factor)


def adagrad(g: Value) -> tuple[Value, ...]:
    total = op.Abs(SLOT) + g * g
    return total, OTHER - g / (op.Sqrt(total) + 0.1) * RATE


def centered(g: Value) -> tuple[Value, ...]:
    squares, total = SLOT * SLOT * 0.9 + g * g, OTHER * 0.9 + g
    return squares, total, OTHER - g / (0.1 + op.Sqrt(op.Relu(squares - total * total * 0.1))) * RATE


USES: dict[str, tuple[Use, list[str]]] = {
    "moments": (moments, ["Mul", "ScatterND"] * 2),
    "moments of clipped gradients": (clipped, ["Mul", "ScatterND"] * 2),
    "a step down": (lambda g: SLOT - g * RATE, ["ScatterND"]),
    "subtracted": (lambda g: SLOT - g, ["ScatterND"]),
    "added first": (lambda g: (g * RATE + SLOT, g + OTHER), ["ScatterND"] * 2),
    "a power": (lambda g: SLOT + (g * g) * (g * g), ["ScatterND"]),
    "adagrad": (adagrad, ["Abs", *["ScatterND"] * 2]),
    "rmsprop, centered": (centered, ["Mul", "ScatterND"] * 3),
    "with a power by itself": (lambda g: SLOT + g * g + g, ["ScatterND"] * 2),
}


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("words", [[0, 7, 7, 299, 7, -1, -300], [5]], ids=["repeated", "one"])
def test_rows_that_occur(name: str, words: list[int]) -> None:
    use, _ = USES[name]
    before = graph(use)
    after, changed = use_occurring_rows(before)
    assert changed
    assert not use_occurring_rows(after)[1]
    given = feeds(np.array(words))
    expected = evaluate(before, given)
    for key, array in evaluate(after, given).items():
        np.testing.assert_allclose(array, expected[key], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", USES)
def test_what_still_goes_over_the_table(name: str) -> None:
    use, expected = USES[name]
    assert sorted(over_the_table(optimize(graph(use)))) == sorted(expected)


@pytest.mark.parametrize("name", ["moments", "moments of clipped gradients", "a step down"])
def test_onnx_runtime_makes_the_same_sums_on_several_threads(name: str) -> None:
    use, _ = USES[name]
    words = np.random.default_rng(1).integers(-5, 5, COUNT)
    given = feeds(words, whole=True)
    expected = evaluate(graph(use), given)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 4
    model = emit(optimize(graph(use))).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    for _ in range(3):
        results = session.run(list(expected), {value.name: given[value.name] for value in session.get_inputs()})
        for (key, array), result in zip(expected.items(), results, strict=True):
            np.testing.assert_allclose(result, array, rtol=1e-6, atol=0, err_msg=key)


def test_words_of_int32_and_several_axes() -> None:
    words, dy = graph_input("words", DType.int32, (N, 2)), graph_input("dy", DType.float32, (N, 2, WIDTH))
    table = graph_input("table", DType.float32, TABLE)
    (gradient,) = gradients([op.Gather(table, words)], [table], [dy])
    assert gradient is not None
    made = moments(gradient)
    before = Graph("test", (words, dy, SLOT, OTHER), {f"y{i}": value for i, value in enumerate(made)})
    after = optimize(before)
    assert operators(after)["ScatterND"] == 2
    given = {**feeds(np.array([1, 4, 4, -1]))}
    given |= {"words": given["words"].astype(np.int32).reshape(2, 2), "dy": given["dy"].reshape(2, 2, WIDTH)}
    expected = evaluate(before, given)
    for key, array in evaluate(after, given).items():
        np.testing.assert_allclose(array, expected[key], rtol=2e-6, atol=2e-6)


LEFT: dict[str, Use] = {
    "returned": lambda g: g,
    "returned too": lambda g: (g, SLOT + g * g),
    "added": lambda g: SLOT * 0.9 + g,
    "added twice": lambda g: (SLOT + g, OTHER - (g + (SLOT + g) * 0.5) * RATE),
    "subtracted from": lambda g: g - SLOT * RATE,
    "by a root": lambda g: g / op.Sqrt(SLOT + g * g),
    "by a root and 0": lambda g: g / (op.Sqrt(SLOT + g * g) + 0.0),
    "by a root and a number": lambda g: g / (op.Sqrt(SLOT + g * g) + RATE),
    "by a sum": lambda g: g / (SLOT + 0.1) + g * g,
    "a divisor": lambda g: SLOT / (op.Sqrt(g) + 0.1) + g,
    "times a table": lambda g: g * SLOT + g,
    "by columns": lambda g: op.ReduceSumSquare(g, [0], keepdims=0) + op.ReduceSumSquare(g, keepdims=0),
    "in a product": lambda g: op.MatMul(op.Transpose(g, perm=[1, 0]), g * RATE),
}


@pytest.mark.parametrize("name", LEFT)
def test_other_uses_leave_the_sum_as_it_is(name: str) -> None:
    assert not use_occurring_rows(graph(LEFT[name]))[1]


def test_other_types_stay() -> None:
    slot = op.Cast(SLOT, to=DType.float64.code)
    before = graph(lambda g: slot + g * g, table_gradient(dtype=DType.float64))
    assert not use_occurring_rows(before)[1]


def test_a_graph_without_such_sums_stays() -> None:
    assert not use_occurring_rows(Graph("test", (SLOT,), {"y": SLOT * SLOT}))[1]
