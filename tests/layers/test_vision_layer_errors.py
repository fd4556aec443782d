"""What layers of convolutional networks say about inputs that do not fit."""

from __future__ import annotations

from typing import Any

import pytest
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import Dim, DType, Value, graph_input, symbol
from netwright.compiler.layers import Layer
from support.layer_context import RecordingContext
from support.running import BATCH

TIME = symbol("time")


def value(*dims: Dim, dtype: DType = DType.float32) -> Value:
    return graph_input("x", dtype, (BATCH, *dims))


IMAGE = value(4, 6, 5)
CONV = {"filters": 6, "kernel_size": 3}


@pytest.mark.parametrize(
    ("entry", "x", "message", "hint", "path"),
    [
        (
            {"conv": CONV},
            value(28),
            "needs an input (batch, channels, size, …), received (batch, 28)",
            "images without channels get one with `expand_dims: 1`",
            (),
        ),
        (
            {"conv": CONV},
            value(4, 6, 5, dtype=DType.uint8),
            "needs floating-point numbers, received uint8(batch, 4, 6, 5)",
            "declare the input as float32",
            (),
        ),
        (
            {"conv": {**CONV, "kernel_size": [3, 3]}},
            value(28, 28),
            "(batch, 28, 28) has 1 axis after batch and channels, so kernel_size is one number or 1, received [3, 3]",
            "images without channels get one with `expand_dims: 1`",
            ("kernel_size",),
        ),
        (
            {"conv": {**CONV, "kernel_size": [3]}},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so kernel_size is one number or 2, received [3]",
            None,
            ("kernel_size",),
        ),
        (
            {"conv": {**CONV, "stride": [1, 2, 3]}},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so stride is one number or 2, received [1, 2, 3]",
            None,
            ("stride",),
        ),
        (
            {"conv": {**CONV, "dilation": [2]}},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so dilation is one number or 2, received [2]",
            None,
            ("dilation",),
        ),
        (
            {"conv": {**CONV, "padding": [1, 2, 3]}},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so padding is one number, 2 or 4, "
            "received [1, 2, 3]",
            None,
            ("padding",),
        ),
        ({"conv": {**CONV, "groups": 3}}, IMAGE, "4 channels do not divide into 3 groups", None, ("groups",)),
        (
            {"conv": {**CONV, "filters": 5, "groups": 2}},
            IMAGE,
            "5 filters do not divide into 2 groups",
            None,
            ("groups",),
        ),
        (
            {"conv": CONV},
            value(TIME, 9),
            "the channel axis needs a fixed size, but 'time' in (batch, time, 9) is symbolic",
            "give 'channels: last' for sequences (batch, time, features)",
            (),
        ),
        (
            {"conv": {**CONV, "stride": 2, "padding": "same"}},
            value(4, TIME),
            "padding 'same' with a stride of 2 needs a fixed size, but 'time' is symbolic",
            None,
            (),
        ),
        (
            {"conv": {**CONV, "kernel_size": 7}},
            IMAGE,
            "Conv: a window of 7 does not fit into axis 2 of (batch, 4, 6, 5)",
            "make the window smaller, or give it padding",
            (),
        ),
        (
            {"conv_transpose": {**CONV, "stride": 2, "output_padding": 2}},
            IMAGE,
            "must be less than the stride of 2, received 2",
            None,
            ("output_padding",),
        ),
        (
            {"conv_transpose": {**CONV, "padding": [4, 4]}},
            IMAGE,
            "8 cut off 8 positions leave nothing",
            None,
            ("padding",),
        ),
        (
            {"conv_transpose": {**CONV, "stride": 2}},
            value(4, TIME),
            "a stride of 2 needs a fixed size, but 'time' in (batch, 4, time) is symbolic",
            None,
            (),
        ),
        (
            {"max_pool": [2, 2, 2]},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so kernel_size is one number or 2, "
            "received [2, 2, 2]",
            "images without channels get one with `expand_dims: 1`",
            ("kernel_size",),
        ),
        (
            {"max_pool": {"kernel_size": 2, "padding": 2}},
            IMAGE,
            "MaxPool: a padding of 2 makes windows of padding alone",
            None,
            (),
        ),
        (
            {"adaptive_average_pool": 3},
            value(4, TIME),
            "an output of fixed size needs a fixed size, but 'time' in (batch, 4, time) is symbolic",
            None,
            (),
        ),
        (
            {"average_pool": 2},
            value(9),
            "needs an input (batch, channels, size, …), received (batch, 9)",
            "images without channels get one with `expand_dims: 1`",
            (),
        ),
        (
            "global_average_pool",
            value(9),
            "needs an input (batch, channels, size, …), received (batch, 9)",
            "images without channels get one with `expand_dims: 1`",
            (),
        ),
        (
            {"expand_dims": 0},
            IMAGE,
            "there can be no new axis 0 in (batch, 4, 6, 5)",
            "it may be from 1 to 4, or -1 for the last",
            ("axis",),
        ),
        (
            {"expand_dims": 5},
            IMAGE,
            "there can be no new axis 5 in (batch, 4, 6, 5)",
            "it may be from 1 to 4, or -1 for the last",
            ("axis",),
        ),
        ({"squeeze": 2}, IMAGE, "axis 2 of (batch, 4, 6, 5) is not of size 1", None, ("axis",)),
        (
            {"squeeze": 0},
            value(1),
            "axis 0 of (batch, 1) is the batch; its examples must not mix",
            "count the axes after the batch from 1, or from the end: -1 is the last",
            ("axis",),
        ),
        (
            "batch_norm",
            value(TIME, 3),
            "the channel axis needs a fixed size, but 'time' in (batch, time, 3) is symbolic",
            None,
            (),
        ),
        (
            {"batch_norm": {"axis": 0}},
            IMAGE,
            "axis 0 of (batch, 4, 6, 5) is the batch; its examples must not mix",
            "count the axes after the batch from 1, or from the end: -1 is the last",
            ("axis",),
        ),
        ({"group_norm": 3}, IMAGE, "4 channels do not divide into 3 groups", None, ("groups",)),
        (
            "instance_norm",
            value(9),
            "needs an input (batch, channels, size, …), received (batch, 9)",
            "images without channels get one with `expand_dims: 1`",
            (),
        ),
        (
            {"rms_norm": {"axis": 2}},
            value(4, TIME),
            "a normalized axis needs a fixed size, but 'time' in (batch, 4, time) is symbolic",
            None,
            (),
        ),
        ({"local_response_norm": 4}, IMAGE, "must be an odd number, received 4", None, ("size",)),
        (
            {"zero_pad": [1, 2, 3]},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so padding is one number, 2 or 4, "
            "received [1, 2, 3]",
            None,
            ("padding",),
        ),
        ({"reflect_pad": [5, 5]}, IMAGE, "an axis of 5 can be mirrored by 4 at most, received 5", None, ("padding",)),
        ({"crop": [0, 0, 3, 2]}, IMAGE, "5 cut off axis 3 of (batch, 4, 6, 5) leave nothing", None, ("amount",)),
        (
            {"upsample": [2, 2, 2]},
            IMAGE,
            "(batch, 4, 6, 5) has 2 axes after batch and channels, so scale is one number or 2, received [2, 2, 2]",
            None,
            ("scale",),
        ),
        (
            {"upsample": {"scale": 2, "method": "bilinear"}},
            value(4, TIME),
            "interpolation needs a fixed size, but 'time' in (batch, 4, time) is symbolic",
            None,
            (),
        ),
        ({"pixel_shuffle": 3}, IMAGE, "4 channels are no multiple of 9", None, ("factor",)),
        (
            {"spatial_dropout": 0.5},
            value(9),
            "needs an input (batch, channels, size, …), received (batch, 9)",
            "images without channels get one with `expand_dims: 1`",
            (),
        ),
    ],
)
def test_refusal(entry: Any, x: Value, message: str, hint: str | None, path: tuple[str, ...]) -> None:
    with pytest.raises(BuildError) as error:
        Layer.registry.build(entry).build(RecordingContext(training=True), x)
    assert (error.value.message, error.value.hint, error.value.path) == (message, hint, path)
