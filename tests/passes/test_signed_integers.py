"""uint64 as int64: the same bits, as ONNX Runtime 1.19 can compute them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
from netwright.compiler import random
from netwright.compiler.emit import emit
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import DType, Graph, Value, apply, constant, graph_input, op, scope
from netwright.compiler.ops.cast import cast
from netwright.compiler.passes import optimize, use_signed_integers

EDGES = np.array([0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, -1, -2, -(2**63), -(2**63) + 1, -(2**32)])


def graph_of(build: Callable[[Value], Value], shape: tuple[int, ...] = (13,)) -> Graph:
    """A function of int64 numbers read as unsigned ones, its result as int64 or whatever it is."""
    x = graph_input("x", DType.int64, shape)
    y = build(cast(x, DType.uint64))
    return Graph("g", (x,), {"y": cast(y, DType.int64) if y.dtype is DType.uint64 else y})


def run(graph: Graph, x: np.ndarray) -> np.ndarray:
    model = emit(graph).SerializeToString()
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def lowered(graph: Graph) -> Graph:
    result, changed = use_signed_integers(graph)
    assert changed
    assert not [node for node in result.nodes() if any(v.dtype is DType.uint64 for v in node.given_inputs)]
    assert use_signed_integers(result) == (result, False)
    return result


def unsigned(number: int) -> Value:
    return constant(np.uint64(number))


CASES = {
    "sum": lambda x: x + unsigned(2**63 + 5),
    "difference": lambda x: x - unsigned(7),
    "product": lambda x: x * unsigned(0x9E3779B97F4A7C15),
    "square": lambda x: x * x,
    "shift by 1": lambda x: x / unsigned(2),
    "shift by 32": lambda x: x / unsigned(2**32),
    "shift by 62": lambda x: x / unsigned(2**62),
    "less": lambda x: op.Less(x, unsigned(2**63 + 1)),
    "less or equal": lambda x: op.LessOrEqual(x, x * unsigned(3)),
    "greater": lambda x: op.Greater(unsigned(2**62), x),
    "greater or equal": lambda x: op.GreaterOrEqual(x, unsigned(2**63)),
    "equal": lambda x: op.Equal(x, unsigned(2**64 - 1)),
    "shape": lambda x: op.Reshape(op.Unsqueeze(x, [0]), [13]) * unsigned(3),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bits_are_the_same(name: str) -> None:
    graph = graph_of(CASES[name])
    np.testing.assert_array_equal(run(lowered(graph), EDGES), run(graph, EDGES))


def test_masks_and_numbers_of_the_generator_are_the_same() -> None:
    counter = graph_input("x", DType.int64, ())
    key = random.key(counter, 123)
    outputs = {"mask": random.dropout_mask(key, (50, 40), 0.3), "normal": random.normal(key, (50, 40))}
    graph = optimize(Graph("g", (counter,), outputs))
    for seed in (0, 1, -(2**63)):
        x = np.array(seed)
        for name in outputs:
            one = Graph("g", graph.inputs, {"y": graph.outputs[name]})
            np.testing.assert_array_equal(run(lowered(one), x), run(one, x))


def test_a_feature_of_the_type_keeps_it() -> None:
    x = graph_input("x", DType.uint64, (3,))
    graph, _ = use_signed_integers(Graph("g", (x,), {"y": cast(x, DType.float32)}))
    np.testing.assert_array_equal(run(graph, np.array([0, 1, 2**63], np.uint64)), np.float32([0, 1, 2**63]))


def refusal(build: Callable[[Value], Value]) -> str:
    with scope("dropout1"):
        graph = graph_of(build)
    with pytest.raises(BuildError) as caught:
        use_signed_integers(graph)
    return caught.value.message


def test_what_has_no_such_form() -> None:
    assert refusal(lambda x: op.ReduceSum(x)) == (
        "'dropout1': ONNX Runtime 1.19 cannot compute ReduceSum of unsigned 64-bit integers"
    )
    assert refusal(lambda x: x / unsigned(3)) == (
        "'dropout1': ONNX Runtime 1.19 cannot divide unsigned 64-bit integers by anything but a power of two below 2^63"
    )
    assert refusal(lambda x: x / x) == (
        "'dropout1': ONNX Runtime 1.19 cannot divide unsigned 64-bit integers by anything but a power of two below 2^63"
    )
    assert refusal(lambda x: cast(x, DType.float32)) == (
        "'dropout1': ONNX Runtime 1.19 cannot convert unsigned 64-bit integers to float32"
    )


def test_the_body_of_a_scan() -> None:
    item = graph_input("item", DType.int64, ())
    body = Graph("body", (item,), {"out": cast(cast(item, DType.uint64) * unsigned(3), DType.int64)})

    def scan(x: Value) -> Value:
        return apply("Scan", cast(x, DType.int64), body=body, num_scan_inputs=1, captures=0)[0]

    assert refusal(scan) == "'dropout1': ONNX Runtime 1.19 cannot compute Scan of unsigned 64-bit integers"
