"""Registering operators and making nodes: what is refused, and how attributes and numbers become ONNX's."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler import ops  # noqa: F401  (registers the operators)
from netwright.compiler.errors import InternalError
from netwright.compiler.ir import (
    Call,
    DType,
    Operator,
    Sample,
    TensorType,
    Value,
    apply,
    find,
    graph_input,
    op,
    register,
)


def _x() -> Value:
    return graph_input("x", DType.float32, (2,))


def _types(call: Call) -> list[TensorType]:
    return [call[0].type]


def _samples() -> list[Sample]:
    return [Sample((np.zeros(2),))]


def test_a_record_needs_a_rule_or_a_reason() -> None:
    with pytest.raises(InternalError) as caught:
        register(Operator("Novel", infer=_types, gradients=(), samples=_samples))
    assert str(caught.value) == "operator Novel has neither a gradient rule nor NotDifferentiable"


def test_a_name_is_registered_once() -> None:
    with pytest.raises(InternalError) as caught:
        register(find("Exp"))
    assert str(caught.value) == "operator Exp is registered twice"


def test_unknown_operators() -> None:
    with pytest.raises(InternalError) as caught:
        op.Novel(_x())
    assert str(caught.value) == "no record for the operator Novel"
    with pytest.raises(InternalError) as caught:
        apply("Exp", _x(), domain="com.microsoft")
    assert str(caught.value) == "no record for the operator com.microsoft.Exp"


def test_unknown_attributes() -> None:
    with pytest.raises(InternalError) as caught:
        op.Softmax(_x(), axes=0)
    assert str(caught.value) == "Softmax has no attribute ['axes']"


def test_missing_attributes() -> None:
    with pytest.raises(InternalError) as caught:
        op.Cast(_x())
    assert str(caught.value) == "Cast needs the attribute ['to']"


def test_missing_inputs() -> None:
    with pytest.raises(InternalError) as caught:
        op.Gemm(_x())
    assert str(caught.value) == "Gemm needs input 1"


def test_operators_with_several_outputs_need_apply() -> None:
    with pytest.raises(InternalError) as caught:
        op.LayerNormalization(_x(), _x())
    assert str(caught.value) == "LayerNormalization has 3 outputs; use apply()"


def test_float_attributes_are_what_onnx_stores() -> None:
    node = op.LeakyRelu(_x(), alpha=0.1).node
    assert node is not None
    assert node.attributes["alpha"] == float(np.float32(0.1))


def test_absent_attributes_take_onnx_defaults() -> None:
    node = op.Gemm(graph_input("a", DType.float32, (2, 3)), graph_input("b", DType.float32, (3, 4))).node
    assert node is not None
    assert node.attributes == {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
