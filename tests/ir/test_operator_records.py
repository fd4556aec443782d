"""Records are registered once, and applying one fills in attributes or says what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.errors import BuildError, InternalError
from netwright.compiler.ir import (
    OPERATORS,
    Call,
    Derivative,
    DType,
    NotDifferentiable,
    Operator,
    apply,
    find,
    graph_input,
    register,
    symbol,
)
from netwright.compiler.ops import op
from netwright.compiler.ops.inference import same_as_first

X = graph_input("x", DType.float32, (symbol("batch"), 3))


def message(caught: pytest.ExceptionInfo[Exception]) -> str:
    return str(caught.value)


def test_a_record_is_registered_once() -> None:
    with pytest.raises(InternalError) as caught:
        register(find("Add"))
    assert message(caught) == "operator Add is registered twice"


def test_a_record_without_gradients_is_refused() -> None:
    with pytest.raises(InternalError) as caught:
        register(Operator("Mystery", infer=same_as_first, gradients=(), samples=list))
    assert message(caught) == "operator Mystery has neither a gradient rule nor NotDifferentiable"
    assert ("", "Mystery") not in OPERATORS


@pytest.mark.parametrize(("domain", "text"), [("", "Mystery"), ("com.microsoft", "com.microsoft.Mystery")])
def test_an_unknown_operator(domain: str, text: str) -> None:
    with pytest.raises(InternalError) as caught:
        apply("Mystery", X, domain=domain)
    assert message(caught) == f"no record for the operator {text}"


def test_an_unknown_attribute() -> None:
    with pytest.raises(InternalError) as caught:
        op.Softmax(X, axes=1)
    assert message(caught) == "Softmax has no attribute ['axes']"


def test_a_missing_attribute() -> None:
    with pytest.raises(InternalError) as caught:
        op.Concat(X, X)
    assert message(caught) == "Concat needs the attribute ['axis']"


def test_a_missing_input() -> None:
    with pytest.raises(InternalError) as caught:
        op.Gather(X)
    assert message(caught) == "Gather needs input 1"


def test_several_outputs_need_apply() -> None:
    with pytest.raises(InternalError) as caught:
        op.Split(X, [1, 2], axis=1)
    assert message(caught) == "Split has 2 outputs; use apply()"
    assert [str(output.type) for output in apply("Split", X, [1, 2], axis=1)] == [
        "float32(batch, 1)",
        "float32(batch, 2)",
    ]


def test_errors_name_the_operator_and_may_carry_a_hint() -> None:
    error = Call("Slice", (), {}).error("is too long", "make it shorter")
    assert isinstance(error, BuildError)
    assert (error.message, error.hint) == ("Slice: is too long", "make it shorter")


def test_defaults_are_filled_in_and_absent_ones_left_out() -> None:
    node = op.Shape(X, start=np.int64(1)).node
    assert node is not None
    assert node.attributes == {"start": 1}
    assert type(node.attributes["start"]) is int
    assert op.Transpose(X, perm=[1, 0]).node.attributes == {"perm": (1, 0)}


def test_trailing_optional_inputs_are_dropped_and_inner_ones_kept() -> None:
    assert op.Pad(X, [0, 0, 1, 1], None, None).node.inputs[2:] == ()
    assert op.Pad(X, [0, 1], None, [0]).node.inputs[2] is None


def test_the_last_rule_serves_all_further_inputs() -> None:
    concat = find("Concat")
    assert concat.gradient(7) is concat.gradient(0)


def test_what_a_rule_sees() -> None:
    node = op.Pad(X, [0, 1], None, [0]).node
    dy = graph_input("dy", DType.float32, node.outputs[0].shape)
    d = Derivative(node, (dy,), 0)
    assert (d.dy, d.y, d.x, d.a, d.b, d.inputs) == (dy, node.outputs[0], X, X, node.inputs[1], node.inputs)
    assert d.optional(2) is None
    assert d.optional(9) is None
    assert d.attribute("mode") == "constant"
    assert d.attribute("nothing") is None


def test_not_differentiable_stops_unless_told() -> None:
    assert NotDifferentiable("it is an index").stops
    assert not NotDifferentiable("no rule is known", stops=False).stops
