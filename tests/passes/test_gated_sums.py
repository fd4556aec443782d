"""For `ort`, x ± s·y of large matrices becomes one `GatedAdd`: the updates of optimizers, to the last bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from netwright.compiler.ir import DType, Graph, Value, constant, graph_input
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ops import op
from netwright.compiler.passes import PASSES_OF, optimize, use_gated_add
from support.bundles import library_bundle


def matrix(name: str, rows: int = 256, columns: int = 64) -> Value:
    return graph_input(name, DType.float32, (rows, columns))


def scalar(name: str = "s") -> Value:
    return graph_input(name, DType.float32, ())


def graph(output: Value, *inputs: Value) -> Graph:
    return Graph("test", inputs, {"y": output})


def operators(graph: Graph) -> Mapping[str, int]:
    return Counter(node.op_type for node in graph.nodes() if node.op_type != "Constant")


def results(graph: Graph) -> np.ndarray:
    random = np.random.default_rng(0)
    feeds = {v.name: random.normal(size=[int(str(d)) for d in v.shape]).astype(np.float32) for v in graph.inputs}
    return evaluate(graph, feeds)["y"]


X, Y, S = matrix("x"), matrix("y"), scalar()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (graph(X * 0.9 + Y, X, Y), {"GatedAdd": 1, "Expand": 1}),
        (graph(Y + 0.9 * X, X, Y), {"GatedAdd": 1, "Expand": 1}),
        (graph(X - Y * S, X, Y, S), {"GatedAdd": 1, "Expand": 1, "Neg": 1}),
        (graph(X + S * Y, X, Y, S), {"GatedAdd": 1, "Expand": 1}),
    ],
    ids=["constant", "constant first", "difference", "sum"],
)
def test_a_sum_with_a_scaled_matrix_is_one_pass_with_the_same_bits(before: Graph, after: Mapping[str, int]) -> None:
    made, changed = use_gated_add(before)
    assert changed
    assert operators(made) == after
    np.testing.assert_array_equal(results(made), results(before))


SHARED = X * S
SMALL, SHORT, STACK = matrix("x", 8, 64), matrix("x", 4096, 16), graph_input("x", DType.float32, (4, 64, 64))


@pytest.mark.parametrize(
    "before",
    [
        graph(X * S - Y, X, Y, S),
        graph(op.Exp(SHARED) * (SHARED + Y), X, Y, S),
        graph(X * Y + Y, X, Y),
        graph(X * matrix("column", 256, 1) + Y, X, matrix("column", 256, 1), Y),
        graph(constant(2.0) * S + X, X, S),
        graph(SMALL * S + matrix("y", 8, 64), SMALL, matrix("y", 8, 64), S),
        graph(SHORT * S + matrix("y", 4096, 16), SHORT, matrix("y", 4096, 16), S),
        graph(STACK * S + graph_input("y", DType.float32, (4, 64, 64)), STACK, S),
        graph(X / S + Y, X, Y, S),
    ],
    ids=[
        "minus first",
        "read twice",
        "no scalar",
        "a column",
        "no matrix",
        "small",
        "short rows",
        "rank 3",
        "quotient",
    ],
)
def test_what_is_left_alone(before: Graph) -> None:
    _, changed = use_gated_add(before)
    assert not changed


def test_adam_takes_three_of_them_a_matrix_in_the_target_ort_alone() -> None:
    assert operators(library_bundle("mnist_mlp", "portable").graphs["step"])["GatedAdd"] == 0
    assert operators(library_bundle("mnist_mlp", "ort").graphs["step"])["GatedAdd"] == 6


def test_it_settles_together_with_the_other_passes() -> None:
    made = optimize(Graph("test", (X, Y), {"z": X * 0.9 + Y}), PASSES_OF["ort"])
    assert operators(made)["GatedAdd"] == 1
