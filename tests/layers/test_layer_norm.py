"""Which parameters layer_norm has."""

from __future__ import annotations

from netwright.compiler.initializers import Ones, Zeros
from netwright.compiler.ir import DType, graph_input, symbol
from netwright.compiler.layers import LayerNorm
from support.layer_context import RecordingContext
from support.running import BATCH


def test_parameters() -> None:
    context = RecordingContext()
    x = graph_input("x", DType.float32, (BATCH, symbol("time"), 4, 6))
    assert LayerNorm(axis=2).build(context, x).type == x.type
    asked = {name: (asked.shape, asked.initializer, asked.regularized) for name, asked in context.asked.items()}
    assert asked == {"scale": ((4, 6), Ones(), False), "bias": ((4, 6), Zeros(), False)}


def test_without_parameters() -> None:
    context = RecordingContext()
    LayerNorm(scale=False, bias=False).build(context, graph_input("x", DType.float32, (BATCH, 4)))
    assert context.asked == {}
