"""Layers of convolutional networks: worked examples, parameters, symbolic axes, and what they do while training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.initializers import GlorotUniform, Ones, Zeros
from netwright.compiler.ir import Array, DType, graph_input, symbol
from netwright.compiler.layers import Layer
from netwright.compiler.ops import op
from support.layer_context import RecordingContext
from support.running import BATCH, Program, batch_input, run

TIME = symbol("time")
FIVE = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
CROSS = [[[[1, 0, 1], [0, 1, 0], [1, 0, 1]]]]


def computed(entry: Any, image: Any, **weights: Any) -> Any:
    """What a layer makes of one image of one channel."""
    context = RecordingContext()
    array = np.array(image, np.float32)[None, None]
    x = batch_input("x", array)
    y = Layer.registry.build(entry).build(context, x)
    given = {context.values[name]: np.array(value, np.float32) for name, value in weights.items()}
    (result,) = run([y], {x: array, **given})
    return result[0, 0].tolist()


def test_a_convolution_by_hand() -> None:
    assert computed({"conv": {"filters": 1, "kernel_size": 3, "use_bias": False}}, FIVE, weight=CROSS) == [
        [4, 3, 4],
        [2, 4, 3],
        [2, 3, 4],
    ]


def test_max_pooling_by_hand() -> None:
    assert computed({"max_pool": 2}, [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]) == [[6, 8], [3, 4]]


def test_weights_of_convolutions() -> None:
    context = RecordingContext()
    image = graph_input("x", DType.float32, (BATCH, 4, 8, 8))
    wide = {"filters": 6, "kernel_size": [3, 2], "groups": 2}
    assert Layer.registry.build({"conv": wide}).build(context, image).shape == (BATCH, 6, 6, 7)
    asked = {name: (a.shape, a.initializer, a.fan_in, a.fan_out, a.regularized) for name, a in context.asked.items()}
    assert asked == {
        "weight": ((6, 2, 3, 2), GlorotUniform(), 12, 18, True),
        "bias": ((6,), Zeros(), 12, 18, False),
    }


def test_parameters_and_statistics_of_batch_norm() -> None:
    context = RecordingContext(training=True)
    Layer.registry.build("batch_norm").build(context, graph_input("x", DType.float32, (BATCH, 4, 8, 8)))
    assert {name: a.initializer for name, a in context.asked.items()} == {"scale": Ones(), "bias": Zeros()}
    assert {name: value.shape for name, value in context.statistics.items()} == {
        "running_mean": (4,),
        "running_variance": (4,),
    }


def test_spatial_dropout_drops_whole_channels() -> None:
    array = np.ones((40, 5, 3, 2), np.float32)
    x = batch_input("x", array)
    (y,) = run([Layer.registry.build({"spatial_dropout": 0.25}).build(RecordingContext(training=True), x)], {x: array})
    first = y[:, :, :1, :1]
    assert np.array_equal(y, np.broadcast_to(first, y.shape))
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    assert 0.15 < np.mean(first == 0) < 0.35
    assert len(np.unique(first.reshape(40, 5), axis=0)) > 5, "examples have masks of their own"


SEQUENCES = [
    {"conv": {"filters": 2, "kernel_size": 3, "padding": "same", "dilation": 2}},
    {"conv": {"filters": 2, "kernel_size": 4, "padding": [3, 0]}},
    {"depthwise_conv": {"kernel_size": 3, "padding": 1}},
    {"conv_transpose": {"filters": 2, "kernel_size": 3}},
    {"max_pool": {"kernel_size": 3, "stride": 1, "padding": "same"}},
    {"average_pool": {"kernel_size": 3, "stride": 1, "padding": [1, 2], "count_include_pad": True}},
    "global_average_pool",
    "global_max_pool",
    {"group_norm": 2},
    {"zero_pad": [1, 2]},
    {"reflect_pad": 1},
    {"crop": 1},
    {"upsample": 3},
    {"pixel_shuffle": 2},
    {"local_response_norm": 3},
]


@pytest.mark.parametrize("entry", SEQUENCES, ids=lambda entry: next(iter(entry)) if isinstance(entry, dict) else entry)
def test_sequences_of_any_length(entry: Any) -> None:
    """One graph for every length: outputs and gradients are those of a graph for a fixed length."""
    array = np.random.default_rng(0).normal(size=(2, 4, 7)).astype(np.float32)
    for fixed, symbolic in zip(_with_gradients(entry, array, 7), _with_gradients(entry, array, TIME), strict=True):
        np.testing.assert_allclose(symbolic, fixed, rtol=1e-5, atol=1e-5, strict=True)


def _with_gradients(entry: Any, array: Array, length: Any) -> list[Array]:
    context = RecordingContext()
    x = graph_input("x", DType.float32, (BATCH, 4, length))
    y = Layer.registry.build(entry).build(context, x)
    total = op.ReduceSum(y * op.Sin(y), keepdims=0)
    found = [g for g in gradients([total], [x, *context.values.values()]) if g is not None]
    assert len(found) == 1 + len(context.values)
    return Program([x, *context.values.values()], [y, *found])(array, *context.random_values().values())


def test_a_padding_for_every_side() -> None:
    """[top, bottom, left, right]"""
    assert computed({"zero_pad": [1, 0, 0, 2]}, [[5]]) == [[0, 0, 0], [5, 0, 0]]
