"""What a layer gets from the network that it is built into."""

from __future__ import annotations

from typing import Any

import pytest
from netwright.compiler.ir import DType, graph_input
from netwright.compiler.layer_context import BATCH, Carrying, Context
from netwright.compiler.layers import BatchNorm, Normalize
from netwright.compiler.spec.model import load_text
from netwright.compiler.variables import Variables

X = graph_input("x", DType.float32, (BATCH, 3))
PARTS = ("first_", "second_")


def context_of(carrying: Carrying) -> Context:
    """That of the layer `block`, while the network trains."""
    (entry,) = load_text("netwright: 1\ninputs: {x: [3]}\nnetwork: [{dense: {units: 3, name: block}}]\n").network
    counter = graph_input("random_counter", DType.int64, ())

    def no_cell(*_: Any) -> Any:
        pytest.fail("only a recurrent layer runs a cell")

    return Context(entry, Variables(), counter, {}, {}, {}, carrying, None, no_cell)


def test_every_part_of_a_layer_has_tensors_of_its_own() -> None:
    context = context_of(Carrying(rows=4))
    for prefix in PARTS:
        part = context.part(prefix)
        Normalize().build(part, X)
        BatchNorm().build(part, X)
        state = part.carried_state(3, X, stateful=True)
        assert state is not None
        part.carry_state(X + state)
    named = {
        "parameter": ("scale", "bias"),
        "statistic": ("running_mean", "running_variance"),
        "fitted": ("mean", "deviation"),
        "carried": ("state",),
    }
    for kind, names in named.items():
        assert set(context.variables.of_kind(kind)) == {f"block/{part}{name}" for part in PARTS for name in names}
    assert context.statistics.keys() == context.variables.of_kind("statistic").keys()
    assert context.fittings.keys() == context.variables.of_kind("fitted").keys()
    assert context.carrying.following.keys() == context.variables.of_kind("carried").keys()
