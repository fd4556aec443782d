"""Values, constants, scopes and nodes."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.errors import InternalError, Origin
from netwright.compiler.ir import (
    DType,
    Graph,
    TensorType,
    constant,
    current_scope,
    graph_input,
    scope,
    static_shape,
    symbol,
)
from netwright.compiler.ops import op

X = graph_input("x", DType.float32, (symbol("batch"), 3))


@pytest.mark.parametrize(
    ("data", "dtype", "want"),
    [
        (1.5, None, "float32()"),
        (3, None, "int64()"),
        (True, None, "bool()"),
        ([1, 2], None, "int64(2)"),
        ([0.5], None, "float32(1)"),
        (np.float64(0.5), None, "float64()"),
        (np.zeros((2, 1)), None, "float64(2, 1)"),
        (2, DType.float16, "float16()"),
        (np.arange(3), DType.float32, "float32(3)"),
    ],
)
def test_types_of_constants(data: object, dtype: DType | None, want: str) -> None:
    assert str(constant(data, dtype).type) == want


def test_constants_cannot_be_written_to_and_are_contiguous() -> None:
    array = constant(np.arange(6.0).reshape(2, 3).T).constant
    assert array is not None
    assert array.flags["C_CONTIGUOUS"]
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_every_dtype_has_a_numpy_type() -> None:
    for dtype in DType:
        assert DType.of(np.zeros(2, dtype.numpy)) is dtype
        assert dtype.is_float + dtype.is_integer + (dtype in (DType.boolean, DType.string)) == 1


def test_operators_make_onnx_nodes() -> None:
    made = {
        "Add": [X + 1, 1 + X],
        "Sub": [X - 1, 1 - X],
        "Mul": [X * 2, 2 * X],
        "Div": [X / 2, 2 / X],
        "Pow": [X**2],
        "MatMul": [X @ np.zeros((3, 2), np.float32)],
        "Neg": [-X],
    }
    for op_type, values in made.items():
        for value in values:
            assert value.node is not None
            assert value.node.op_type == op_type


def test_numbers_take_the_dtype_of_the_value_beside_them() -> None:
    doubled = graph_input("y", DType.float64, (2,)) * 2
    assert doubled.node is not None
    assert [value.dtype for value in doubled.node.given_inputs] == [DType.float64, DType.float64]
    selected = op.Where(graph_input("c", DType.boolean, (2,)), graph_input("z", DType.float32, (2,)), 0)
    assert selected.dtype is DType.float32


def test_a_number_without_a_value_beside_it() -> None:
    with pytest.raises(InternalError, match=r"^no value to take a dtype from for the number 1\.5$"):
        op.Add(1.5, 2)


def test_static_shape() -> None:
    assert static_shape(constant(np.zeros((2, 3)))) == (2, 3)
    with pytest.raises(InternalError) as caught:
        static_shape(X)
    assert str(caught.value) == "<x: float32(batch, 3)> has symbolic dimensions where a fixed shape is needed"


def test_scopes_name_values_and_say_where_they_come_from() -> None:
    here, there = Origin("a.yaml", 3, 5, "network[0]"), Origin("a.yaml", 4, 5, "network[1]")
    with scope("block1", here):
        outer = X + 1
        with scope("dense2"):
            inner = X + 1
        with scope("dense3", there):
            third = X + 1
    assert (outer.name, inner.name, third.name) == ("block1/Add", "block1/dense2/Add", "block1/dense3/Add")
    assert (outer.origin, inner.origin, third.origin) == (here, here, there)
    assert (X + 1).name == "Add"
    assert (X + 1).origin is None
    assert current_scope().name == ""


def test_a_scope_ends_when_an_error_leaves_it() -> None:
    with pytest.raises(KeyError), scope("layer"):
        raise KeyError
    assert current_scope().name == ""


def test_text_of_values_and_nodes() -> None:
    value = op.Softmax(X, axis=1)
    assert repr(value) == "<Softmax: float32(batch, 3)>"
    assert repr(value.node) == "<Softmax <x: float32(batch, 3)>>"
    assert str(TensorType(DType.int64, ())) == "int64()"


def test_only_constants_have_an_array() -> None:
    assert X.constant is None
    assert (X + 1).constant is None
    assert X.rank == 2


def test_a_graph_is_what_its_outputs_reach() -> None:
    used, unused = X + 1, X * 2
    graph = Graph("g", (X,), {"y": used * used})
    assert [node.op_type for node in graph.nodes()] == ["Constant", "Add", "Mul"]
    assert unused.node not in graph.nodes()
