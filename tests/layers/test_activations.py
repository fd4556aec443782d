"""Identities between activations, and what they promise at special places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array
from netwright.compiler.layers import Activation
from support.layer_context import RecordingContext
from support.running import Program, batch_input

WIDTH = 4
NUMBERS = st.lists(st.floats(-30, 30, width=32), min_size=WIDTH, max_size=WIDTH)
_PROGRAMS: dict[str, Program] = {}


def apply(entry: Any, numbers: Any) -> tuple[Array, Any]:
    """The activation of one row of numbers, and its derivative where it has one."""
    x = np.array([numbers], np.float32)
    if str(entry) not in _PROGRAMS:
        value = batch_input("x", x)
        y = Activation.registry.build(entry).apply(value)
        ones = batch_input("ones", x)
        (slope,) = gradients([y], [value], [ones])
        _PROGRAMS[str(entry)] = Program([value, ones], [y, *([slope] if slope is not None else [])])
    y_array, *slopes = _PROGRAMS[str(entry)](x, np.ones_like(x))
    return y_array[0], slopes[0][0] if slopes else None


@pytest.mark.parametrize("kind", list(Activation.registry))
def test_shape_and_dtype_stay_and_a_layer_does_the_same(kind: str) -> None:
    activation = Activation.registry.build(kind)
    x = batch_input("x", np.zeros((1, 2, 3), np.float32))
    assert activation.apply(x).type == x.type
    assert activation.build(RecordingContext(), x).type == x.type


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_tanh_is_a_stretched_sigmoid(numbers: list[float]) -> None:
    tanh, sigmoid = apply("tanh", numbers)[0], apply("sigmoid", [2 * x for x in numbers])[0]
    np.testing.assert_allclose(tanh, 2 * sigmoid - 1, rtol=1e-5, atol=2e-7)


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_softmax_sums_to_one(numbers: list[float]) -> None:
    y = apply("softmax", numbers)[0]
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(apply("log_softmax", numbers)[0]), y, rtol=1e-4, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(NUMBERS)
def test_derivatives(numbers: list[float]) -> None:
    x = np.array(numbers, np.float32)
    sigmoid, by_sigmoid = apply("sigmoid", numbers)
    tanh, by_tanh = apply("tanh", numbers)
    np.testing.assert_allclose(by_sigmoid, sigmoid * (1 - sigmoid), atol=1e-7)
    np.testing.assert_allclose(by_tanh, 1 - tanh * tanh, atol=1e-6)
    np.testing.assert_array_equal(apply("relu", numbers)[1], (x > 0).astype(np.float32))
    np.testing.assert_allclose(apply("softplus", numbers)[1], sigmoid, rtol=1e-5, atol=1e-7)


def test_step_at_its_edge() -> None:
    assert apply("step", [-1, -0.0, 0.0, 1])[0].tolist() == [0, 1, 1, 1]
    assert apply({"step": {"low": -1, "high": 2}}, [-1, -1e-30, 0, 1])[0].tolist() == [-1, -1, 2, 2]


def test_step_has_no_derivative() -> None:
    assert apply("step", [1, 2, 3, 4])[1] is None


@pytest.mark.parametrize("kind", ["softplus", "sigmoid", "log_softmax", "softmax", "elu", "selu", "gelu", "silu"])
def test_large_numbers_do_not_overflow(kind: str) -> None:
    y, slope = apply(kind, [-1e4, -100, 100, 1e4])
    assert np.isfinite(y).all()
    assert np.isfinite(slope).all()
