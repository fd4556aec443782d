"""Small parameters are updated together, with the numbers they would have alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.ir import DType, Value, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.optimizers import Optimizer
from netwright.compiler.training import packing
from netwright.compiler.training.packing import SMALL, packs

SPEC = """
netwright: 1
name: small
inputs: {x: [3]}
network:
  - dense: {units: 4, activation: tanh}
  - dense: {units: 4, activation: tanh}
  - dense: 2
training: {loss: squared_error, optimizer: OPTIMIZER, regularization: {l1: 0.01}}
"""


def vector(*shape: int, dtype: DType = DType.float32) -> Value:
    return graph_input("v", dtype, shape)


def test_small_tensors_go_together() -> None:
    values = {"a": vector(3), "big": vector(SMALL + 1), "b": vector(2, 2), "c": vector(SMALL)}
    assert packs(values, alike=lambda name: None) == [("a", "b", "c"), ("big",)]


def test_two_are_too_few() -> None:
    assert packs({"a": vector(3), "b": vector(2)}, alike=lambda name: None) == [("a",), ("b",)]


def test_others_stay_apart() -> None:
    half, symbolic = vector(3, dtype=DType.float16), graph_input("v", DType.float32, (symbol("batch"),))
    values = {"a": vector(3), "h": half, "s": symbolic, "b": vector(2), "c": vector(2)}
    assert packs(values, alike=lambda name: None) == [("a", "b", "c"), ("h",), ("s",)]
    assert packs(values, alike=lambda name: name == "b") == [("a",), ("c",), ("h",), ("s",), ("b",)]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(packing, "FEWEST", 1000)
    yield


def step(kind: str) -> tuple[dict[str, np.ndarray], Counter[str]]:
    """The state after a step from other state than zeros, and the operators of `apply`."""
    graph = compile_spec(load_spec_text(SPEC.replace("OPTIMIZER", kind))).graphs["apply"]
    random = np.random.default_rng(1)
    feeds = {
        value.name: random.uniform(0.1, 1, value.shape).astype(value.dtype.numpy)  # type: ignore[arg-type]
        for value in graph.inputs
    }
    return evaluate(graph, feeds), Counter(node.op_type for node in graph.nodes())


ELEMENTWISE = [kind for kind in Optimizer.registry if Optimizer.registry[kind].elementwise]


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_joined_updates_are_the_same_to_the_last_bit(kind: str, request: pytest.FixtureRequest) -> None:
    together, fewer = step(kind)
    request.getfixturevalue("apart")
    alone, more = step(kind)
    assert fewer["Split"] >= 1
    assert more["Split"] == 0
    assert together.keys() == alone.keys()
    for name, value in alone.items():
        np.testing.assert_array_equal(together[name], value, err_msg=name)


def test_every_optimizer_here_is_elementwise() -> None:
    assert sorted(ELEMENTWISE) == sorted(Optimizer.registry)


def test_at_most_32_are_joined() -> None:
    """More than CUDA's `Concat` takes while a step is recorded are joined in groups of nearly one size."""
    groups = packs({str(number): vector(2) for number in range(70)}, alike=lambda name: None)
    assert [len(group) for group in groups] == [24, 24, 22]
    assert [name for group in groups for name in group] == [str(number) for number in range(70)]
