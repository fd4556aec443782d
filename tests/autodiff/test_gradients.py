"""The reverse-mode driver: what it sums, what it leaves out, and what it refuses. The rules have their own tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from netwright.compiler import ops  # noqa: F401  (registers the operators)
from netwright.compiler.autodiff import NotDifferentiableError, gradients, sum_to_shape
from netwright.compiler.emit import emit
from netwright.compiler.errors import InternalError, Origin
from netwright.compiler.ir import (
    Array,
    DType,
    Graph,
    Shape,
    Value,
    apply,
    constant,
    graph_input,
    op,
    reachable,
    scope,
    symbol,
)
from onnx.reference import ReferenceEvaluator

BATCH, TIME = symbol("batch"), symbol("time")


def tensor(name: str, *shape: Any) -> Value:
    return graph_input(name, DType.float64, shape)


def total(value: Value) -> Value:
    return op.ReduceSum(value, keepdims=0)


def run(values: Sequence[Value | None], feeds: Mapping[Value, Any]) -> list[Array]:
    """The numbers of the values, evaluated by onnx.reference."""
    outputs = {f"y{i}": value for i, value in enumerate(values) if value is not None}
    assert len(outputs) == len(values), "a gradient is absent"
    model = emit(Graph("test", tuple(feeds), outputs))
    evaluator = ReferenceEvaluator(model)
    return [np.asarray(y) for y in evaluator.run(None, {x.name: np.asarray(data) for x, data in feeds.items()})]


def operators(values: Sequence[Value | None]) -> list[str]:
    return [node.op_type for node in reachable([v for v in values if v is not None]) if node.op_type != "Constant"]


# Sums of contributions


def test_the_uses_of_a_value_add_up() -> None:
    x = tensor("x", 3)
    y = total(x * x + 3 * x + op.Sin(x))
    at = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(run(gradients([y], [x]), {x: at})[0], 2 * at + 3 + np.cos(at))


def test_one_value_as_both_operands() -> None:
    x = tensor("x", 2, 2)
    at = np.array([[1.0, 2.0], [3.0, 4.0]])
    ones = np.ones((2, 2))
    np.testing.assert_allclose(run(gradients([total(x @ x)], [x]), {x: at})[0], ones @ at.T + at.T @ ones)


def test_several_outputs_add_up() -> None:
    x = tensor("x")
    np.testing.assert_allclose(run(gradients([x * x, 5 * x], [x]), {x: 3.0}), [11.0])


def test_an_output_that_is_asked_for_itself() -> None:
    x = tensor("x")
    y = x * 2
    dy, dx = gradients([y], [y, x])
    np.testing.assert_allclose(run([dy, dx], {x: 3.0}), [1.0, 2.0])


def test_a_value_between_and_what_it_depends_on() -> None:
    x = tensor("x")
    middle = x * x
    dmiddle, dx = gradients([op.Exp(middle)], [middle, x])
    np.testing.assert_allclose(run([dmiddle, dx], {x: 0.5}), [np.exp(0.25), np.exp(0.25)])


def test_a_constant_can_be_asked_for() -> None:
    x, weight = tensor("x"), constant(np.array(4.0))
    np.testing.assert_allclose(run(gradients([x * weight], [weight]), {x: 3.0}), [3.0])


def test_given_output_gradients_weigh_the_outputs() -> None:
    x, dy = tensor("x", 3), tensor("dy", 3)
    at, weights = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -2.0])
    np.testing.assert_allclose(run(gradients([x * x], [x], [dy]), {x: at, dy: weights})[0], 2 * at * weights)


# Absence


def test_without_a_path_there_is_no_gradient() -> None:
    x, unrelated = tensor("x", 3), tensor("unrelated", 3)
    dx, nothing = gradients([total(x)], [x, unrelated])
    assert dx is not None
    assert nothing is None


@pytest.mark.parametrize(
    "through",
    [
        op.Floor,
        op.Sign,
        lambda x: op.Cast(op.Greater(x, 0), to=11),
        lambda x: op.Cast(op.Shape(x), to=11),
        lambda x: op.Cast(op.ArgMax(x, axis=0), to=11),
    ],
    ids=["Floor", "Sign", "Greater", "Shape", "ArgMax"],
)
def test_steps_and_shapes_stop_the_gradient(through: Any) -> None:
    x = tensor("x", 3)
    assert gradients([total(through(x))], [x]) == [None]


def test_the_other_path_remains_where_one_is_stopped() -> None:
    x = tensor("x", 3)
    dx = gradients([total(x * op.Floor(x))], [x])
    np.testing.assert_allclose(run(dx, {x: np.array([1.5, -0.5, 2.0])})[0], [1, -1, 2])


def test_nothing_is_computed_for_inputs_nobody_asks_for() -> None:
    x, weight = tensor("x", 4, 3), tensor("weight", 3, 2)
    product = x @ weight
    (dw,) = gradients([total(product)], [weight])
    assert operators([dw]) == ["Expand", "Gemm"]


# Broadcasting


@pytest.mark.parametrize(
    ("shape", "other", "fixed", "fixed_other"),
    [
        ((3,), (BATCH, 3), (3,), (4, 3)),
        ((), (BATCH, 3), (), (4, 3)),
        ((1, 3), (BATCH, 3), (1, 3), (4, 3)),
        ((BATCH, 1), (BATCH, TIME), (4, 1), (4, 5)),
        ((TIME, 1), (BATCH, TIME, 3), (5, 1), (4, 5, 3)),
        ((BATCH, 1, 1), (TIME, 3), (4, 1, 1), (5, 3)),
        ((1,), (1, 3), (1,), (1, 3)),
    ],
    ids=str,
)
def test_gradients_sum_over_broadcast_axes(shape: Shape, other: Shape, fixed: Any, fixed_other: Any) -> None:
    a, b = tensor("a", *shape), tensor("b", *other)
    da, db = gradients([total(a * b)], [a, b])
    assert da is not None and db is not None
    assert (da.shape, db.shape) == (shape, other)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=fixed), generator.normal(size=fixed_other)
    got_a, got_b = run([da, db], {a: x, b: y})
    full = np.broadcast_shapes(fixed, fixed_other)
    np.testing.assert_allclose(got_a, _numpy_sum(np.broadcast_to(y, full), fixed))
    np.testing.assert_allclose(got_b, _numpy_sum(np.broadcast_to(x, full), fixed_other))


def _numpy_sum(array: Array, shape: tuple[int, ...]) -> Array:
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    axes = tuple(i for i, size in enumerate(shape) if size == 1)
    return np.asarray(array.sum(axis=axes, keepdims=True) if axes else array)


def test_a_gradient_of_the_right_shape_is_left_alone() -> None:
    x = tensor("x", BATCH, 3)
    assert sum_to_shape(x, (BATCH, 3)) is x


@pytest.mark.parametrize(
    ("have", "want", "text"),
    [
        ((3,), (2, 3), "a gradient of shape (3) for a value of (2, 3)"),
        ((2, 3), (2, 4), "a gradient of shape (2, 3) for a value of (2, 4)"),
        ((BATCH, 3), (2, 3), "a gradient of shape (batch, 3) for a value of (2, 3)"),
    ],
)
def test_a_gradient_that_broadcasting_cannot_have_made(have: Shape, want: Shape, text: str) -> None:
    with pytest.raises(InternalError) as caught:
        sum_to_shape(tensor("x", *have), want)
    assert str(caught.value) == text


# Higher order


def test_the_third_derivative() -> None:
    x = tensor("x")
    y = op.Sin(x) * x
    for _ in range(3):
        (y,) = gradients([y], [x])  # type: ignore[assignment]
    at = 0.7
    np.testing.assert_allclose(run([y], {x: at})[0], -3 * np.sin(at) - at * np.cos(at))


def test_a_hessian_vector_product_of_a_network() -> None:
    """(∂²L/∂w²)·v, against differences of the gradient along v."""
    generator = np.random.default_rng(1)
    x, w1, w2, v = tensor("x", BATCH, 4), tensor("w1", 4, 5), tensor("w2", 5, 3), tensor("v", 4, 5)
    hidden = op.Tanh(x @ w1)
    loss = -op.ReduceMean(op.LogSoftmax(hidden @ w2, axis=1) * 0.5, keepdims=0)
    (dw1,) = gradients([loss], [w1])
    assert dw1 is not None
    product = gradients([total(dw1 * v)], [w1])
    feeds = {
        value: generator.normal(size=size) for value, size in ((x, (6, 4)), (w1, (4, 5)), (w2, (5, 3)), (v, (4, 5)))
    }
    step = 1e-5
    inputs = {key: feeds[key] for key in (x, w1, w2)}
    (ahead,) = run([dw1], {**inputs, w1: feeds[w1] + step * feeds[v]})
    (behind,) = run([dw1], {**inputs, w1: feeds[w1] - step * feeds[v]})
    np.testing.assert_allclose(run(product, feeds)[0], (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-9)


def test_the_gradient_of_a_gradient_penalty_reaches_the_other_inputs() -> None:
    x, w = tensor("x"), tensor("w")
    (dx,) = gradients([w * x * x], [x])
    assert dx is not None
    np.testing.assert_allclose(run(gradients([dx * dx], [w]), {x: 2.0, w: 3.0}), [8 * 3 * 4.0])


# Operators with several outputs


def test_an_output_nobody_uses_has_no_gradient_to_pass_on() -> None:
    x, scale = tensor("x", 2, 3), constant(np.ones(3))
    _, mean, _ = apply("LayerNormalization", x, scale)
    (dx,) = gradients([total(mean)], [x])
    assert dx is not None
    np.testing.assert_allclose(run([dx], {x: np.ones((2, 3))})[0], np.full((2, 3), 1 / 3), rtol=1e-7)


# Refusals


def test_an_unknown_derivative_is_an_error() -> None:
    x, bound = tensor("x", 3), tensor("bound")
    with pytest.raises(NotDifferentiableError) as caught:
        gradients([total(op.Clip(x, bound))], [bound])
    assert str(caught.value) == (
        "Clip has no derivative by its input 1: there is no rule for the bounds of Clip; Max and Min have one"
    )


def test_an_unknown_derivative_off_the_path_is_none() -> None:
    x, bound = tensor("x", 3), tensor("bound")
    (dx,) = gradients([total(op.Clip(x, bound))], [x])
    assert dx is not None


def test_only_scalars_have_a_default_output_gradient() -> None:
    x = tensor("x", 2, 3)
    with pytest.raises(InternalError) as caught:
        gradients([x * x], [x])
    assert str(caught.value) == "the gradient of <Mul: float64(2, 3)> has the shape ()"


# Size and place


def test_ten_thousand_nodes_in_a_row() -> None:
    depth = 10_000
    assert depth > sys.getrecursionlimit()
    x = tensor("x")
    factor = constant(np.array(0.9999))
    y = x
    for _ in range(depth):
        y = y * factor
    (dx,) = gradients([y], [x])
    assert len(operators([dx])) == depth
    np.testing.assert_allclose(run([dx], {x: 1.0}), [0.9999**depth])


def test_gradients_keep_the_place_of_what_they_differentiate() -> None:
    origin = Origin("net.yaml", 3, 5, "network[0]")
    x = tensor("x")
    with scope("hidden", origin):
        y = op.Exp(x)
    (dx,) = gradients([y], [x])
    assert dx is not None and dx.node is not None
    assert dx.node.scope == "hidden/gradient"
    assert dx.node.origin == origin
