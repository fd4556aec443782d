"""What arithmetic, comparisons, activations, products, reductions and casts say to inputs that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from netwright.compiler import ops  # noqa: F401  (registers the operators)
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import DType, Value, apply, constant, graph_input, op, symbol
from netwright.compiler.ops.gated_add import gated_add


def floats(*shape: Any) -> Value:
    return graph_input("x", DType.float32, shape)


def integers(*shape: Any) -> Value:
    return graph_input("i", DType.int64, shape)


def booleans(*shape: Any) -> Value:
    return graph_input("b", DType.boolean, shape)


BATCH = symbol("batch")

REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: floats(2, 3) + floats(2), "Add: the shapes (2, 3) and (2) do not broadcast"),
    (lambda: floats(BATCH, 3) + floats(2, 3), "Add: the shapes (batch, 3) and (2, 3) do not broadcast"),
    (lambda: floats(2) * integers(2), "Mul: the inputs have different dtypes: float32(2), int64(2)"),
    (lambda: op.Exp(integers(2)), "Exp: needs a floating-point input, received int64(2)"),
    (lambda: op.Mod(floats(2), floats(2)), "Mod: floating-point inputs such as float32(2) need fmod=1"),
    (lambda: op.Cast(floats(2), to=99), "Cast: there is no element type number 99"),
    (lambda: op.And(booleans(2), floats(2)), "And: needs boolean inputs, received float32(2)"),
    (
        lambda: op.Where(floats(2), floats(2), floats(2)),
        "Where: the condition must be boolean, received float32(2)",
    ),
    (
        lambda: op.Where(booleans(2), floats(2), integers(2)),
        "Where: the inputs have different dtypes: float32(2), int64(2)",
    ),
    (lambda: op.Clip(floats(2), floats(2)), "Clip: a bound must be a scalar, received float32(2)"),
    (lambda: op.Clip(floats(2), integers()), "Clip: the inputs have different dtypes: float32(2), int64()"),
    (lambda: op.IsNaN(integers(2)), "IsNaN: needs a floating-point input, received int64(2)"),
    (
        lambda: op.Gelu(floats(2), approximate="cubic"),
        "Gelu: approximate must be 'none' or 'tanh', received 'cubic'",
    ),
    (
        lambda: op.PRelu(floats(3), floats(2, 3)),
        "PRelu: the slope float32(2, 3) does not broadcast to the input float32(3)",
    ),
    (lambda: op.Softmax(floats(2, 3), axis=2), "Softmax: axis 2 is out of range for rank 2"),
    (
        lambda: floats(2, 3) @ floats(4, 5),
        "MatMul: cannot multiply (2, 3) and (4, 5): 3 columns meet 4 rows",
    ),
    (lambda: floats(2, 3) @ floats(BATCH), "MatMul: cannot multiply (2, 3) and (batch): 3 columns meet batch rows"),
    (lambda: floats(2, 2, 3) @ floats(4, 3, 5), "MatMul: the shapes (2) and (4) do not broadcast"),
    (lambda: floats(2, 3) @ floats(), "MatMul: needs no scalars, received float32(2, 3) and float32()"),
    (
        lambda: op.Gemm(floats(2, 3), floats(2, 3, 4)),
        "Gemm: needs matrices, received float32(2, 3) and float32(2, 3, 4)",
    ),
    (
        lambda: op.Gemm(floats(2, 3), floats(4, 3)),
        "Gemm: cannot multiply (2, 3) and (4, 3): 3 columns meet 4 rows",
    ),
    (
        lambda: op.Gemm(floats(2, 3), floats(3, 4), floats(5, 2, 4)),
        "Gemm: float32(5, 2, 4) does not broadcast to the product's shape (2, 4)",
    ),
    (
        lambda: apply("FusedMatMul", floats(3), floats(3, 4), domain="com.microsoft"),
        "FusedMatMul: needs matrices or batches of them, received float32(3) and float32(3, 4)",
    ),
    (
        lambda: gated_add(floats(2, 3), floats(2, 3), floats(1, 3)),
        "GatedAdd: needs x and y of one shape and one gate for each row, "
        "received float32(2, 3), float32(2, 3) and float32(1, 3)",
    ),
    (lambda: op.ReduceSum(floats(2, 3), integers(1)), "ReduceSum: the axes are not known when compiling"),
    (lambda: op.ReduceSum(floats(2, 3), [2]), "ReduceSum: axis 2 is out of range for rank 2"),
    (lambda: op.ReduceSum(floats(2, 3), [1, -1]), "ReduceSum: the axes (1, -1) repeat an axis"),
    (
        lambda: op.ReduceSum(floats(2, 3), noop_with_empty_axes=1),
        "ReduceSum: noop_with_empty_axes=1 without axes reduces nothing; leave the node out",
    ),
    (lambda: op.ReduceMean(integers(2)), "ReduceMean: needs a floating-point input, received int64(2)"),
    (lambda: op.CumSum(floats(2, 3), [0, 1]), "CumSum: the axis must be a scalar, received int64(2)"),
    (lambda: op.CumSum(floats(2, 3), constant(np.array(-3))), "CumSum: axis -3 is out of range for rank 2"),
    (lambda: op.ArgMax(floats(2, 3), axis=-3), "ArgMax: axis -3 is out of range for rank 2"),
    (
        lambda: apply("LayerNormalization", floats(2, 3), floats(3), stash_type=16),
        "LayerNormalization: stash_type must be 1 (float32), received 16",
    ),
    (
        lambda: apply("LayerNormalization", floats(2, 1), floats(3)),
        "LayerNormalization: the scale and bias float32(3) do not broadcast to the input float32(2, 1)",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_refusals(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        make()
    assert caught.value.message == message
