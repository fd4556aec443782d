"""What dense asks of its context, and the lecture's networks with weights written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.initializers import Constant, GlorotUniform, Zeros
from netwright.compiler.ir import Array, DType, graph_input, symbol
from netwright.compiler.layers import Dense, Layer
from support.layer_context import RecordingContext
from support.running import BATCH, Program, batch_input


def test_parameters() -> None:
    context = RecordingContext()
    y = Dense(units=3).build(context, graph_input("x", DType.float32, (BATCH, symbol("time"), 5)))
    assert y.shape == (BATCH, symbol("time"), 3)
    weight, bias = context.asked["weight"], context.asked["bias"]
    assert (weight.shape, weight.fan_in, weight.fan_out, weight.regularized) == ((5, 3), 5, 3, True)
    assert (bias.shape, bias.regularized) == ((3,), False)
    assert (weight.initializer, bias.initializer) == (GlorotUniform(), Zeros())


def test_chosen_initializers() -> None:
    context = RecordingContext()
    layer = Layer.registry.build({"dense": {"units": 3, "weight_initializer": {"constant": 2}, "use_bias": False}})
    layer.build(context, graph_input("x", DType.float32, (BATCH, 5)))
    assert {name: asked.initializer for name, asked in context.asked.items()} == {"weight": Constant(value=2.0)}


def perceptron(activation: str, weight: list[list[float]], bias: list[float], x: list[list[float]]) -> Array:
    """activation(weight · x + bias), with a row of weights for each unit."""
    context = RecordingContext()
    array = np.array(x, np.float32)
    layer = Layer.registry.build({"dense": {"units": len(bias), "activation": activation}})
    value = batch_input("x", array)
    y = layer.build(context, value)
    program = Program([value, context.values["weight"], context.values["bias"]], [y])
    return program(array, np.array(weight, np.float32).T, np.array(bias, np.float32))[0]


SIGNS: list[list[float]] = [[-1, -1], [-1, 1], [1, -1], [1, 1]]


@pytest.mark.parametrize(
    ("weight", "bias", "expected"),
    [([1, 1], -1.5, [0, 0, 0, 1]), ([1, 1], 1.5, [0, 1, 1, 1]), ([-1, 0], 0, [1, 1, 0, 0])],
    ids=["and", "or", "not"],
)
def test_threshold_unit_is_a_gate(weight: list[float], bias: float, expected: list[int]) -> None:
    assert perceptron("step", [weight], [bias], SIGNS)[:, 0].tolist() == expected


def test_two_layers_of_threshold_units_are_xor() -> None:
    bits: list[list[float]] = [[0, 0], [0, 1], [1, 0], [1, 1]]
    both = perceptron("step", [[1, 1]], [-1.5], bits)
    combined = np.concatenate([np.array(bits), both], axis=1).tolist()
    assert perceptron("step", [[1, 1, -2]], [-0.5], combined)[:, 0].tolist() == [0, 1, 1, 0]


def test_sigmoid_perceptron() -> None:
    y = perceptron("sigmoid", [[3, -2]], [1], [[-1, 2]])
    np.testing.assert_allclose(y, [[1 / (1 + np.exp(6))]], rtol=1e-5)
    assert round(float(y[0, 0]), 3) == 0.002


@pytest.mark.parametrize(("x", "expected"), [([1, -1], [0.62, 0.83]), ([0, 0], [0.51, 0.85])])
def test_three_sigmoid_layers(x: list[float], expected: list[float]) -> None:
    first = perceptron("sigmoid", [[1, -2], [-1, 1]], [1, 0], [x])
    if x == [1, -1]:
        assert np.round(first, 2).tolist() == [[np.float32(0.98), np.float32(0.12)]]
    second = perceptron("sigmoid", [[2, -1], [-2, -1]], [0, 0], first.tolist())
    third = perceptron("sigmoid", [[3, -1], [-1, 4]], [-2, 2], second.tolist())
    np.testing.assert_allclose(third, [expected], atol=0.005)
