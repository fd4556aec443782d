"""Gradients of picked elements add up exactly, however often an index occurs and however many threads there are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType, Graph, Value, graph_input, symbol
from netwright.compiler.ops import op

N = symbol("batch")
COUNT, WIDTH = 20_000, 8

PICKS: dict[str, tuple[int, Callable[[Value, Value], Value]]] = {
    "gather, small table": (5, lambda table, i: op.Gather(table, i)),
    "gather, large table": (300, lambda table, i: op.Gather(table, i)),
    "gather, int32": (5, lambda table, i: op.Gather(table, op.Cast(i, to=DType.int32.code))),
    "gather elements": (
        5,
        lambda table, i: op.GatherElements(
            table, op.Expand(op.Unsqueeze(i, [1]), op.Concat(op.Shape(i), [WIDTH], axis=0))
        ),
    ),
    "gather nd": (5, lambda table, i: op.GatherND(table, op.Unsqueeze(i, [1]))),
}


@pytest.mark.parametrize("name", PICKS)
def test_sums_over_many_repetitions(name: str) -> None:
    rows, pick = PICKS[name]
    table, i = graph_input("table", DType.float32, (rows, WIDTH)), graph_input("i", DType.int64, (N,))
    dy = graph_input("dy", DType.float32, (N, WIDTH))
    (gradient,) = gradients([pick(table, i)], [table], [dy])
    assert gradient is not None
    assert gradient.shape == (rows, WIDTH)
    model = emit(Graph("g", (table, i, dy), {"gradient": gradient})).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    indices = random.integers(-5, 5, COUNT)
    weights = random.integers(-8, 8, (COUNT, WIDTH)).astype(np.float32)  # integers, so that any order is exact
    feeds = {"table": np.zeros((rows, WIDTH), np.float32), "i": indices, "dy": weights}
    expected = np.zeros((rows, WIDTH), np.float32)
    np.add.at(expected, indices, weights)
    for _ in range(3):
        (result,) = session.run(None, {value.name: feeds[value.name] for value in session.get_inputs()})
        np.testing.assert_array_equal(result, expected)
