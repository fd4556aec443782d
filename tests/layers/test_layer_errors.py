"""What layers say about inputs that do not fit."""

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


def build(entry: Any, *inputs: Value) -> Value:
    return Layer.registry.build(entry).build(RecordingContext(training=True), *inputs)


@pytest.mark.parametrize(
    ("entry", "inputs", "message", "hint", "path"),
    [
        (
            "argmax",
            [value()],
            "needs a number for each class on the last axis, received float32(batch)",
            None,
            (),
        ),
        (
            {"dense": 3},
            [value()],
            "needs an axis after the batch, received (batch)",
            "declare a single number as `[1]`",
            (),
        ),
        (
            {"dense": 3},
            [value(4, dtype=DType.uint8)],
            "needs floating-point numbers, received uint8(batch, 4)",
            "declare the input as float32",
            (),
        ),
        (
            {"dense": 3},
            [value(4, TIME)],
            "the last axis of a dense layer's input needs a fixed size, but 'time' in (batch, 4, time) is symbolic",
            None,
            (),
        ),
        (
            {"dropout": 0.5},
            [value(4, dtype=DType.int64)],
            "needs floating-point numbers, received int64(batch, 4)",
            "declare the input as float32",
            (),
        ),
        (
            "layer_norm",
            [value(4, dtype=DType.int64)],
            "needs floating-point numbers, received int64(batch, 4)",
            "declare the input as float32",
            (),
        ),
        (
            {"layer_norm": {"axis": 1}},
            [value(TIME, 4)],
            "a normalized axis needs a fixed size, but 'time' in (batch, time, 4) is symbolic",
            None,
            (),
        ),
        (
            {"softmax": 2},
            [value(4)],
            "the input (batch, 4) has no axis 2",
            "axes go from -2 to 1; 0 is the batch",
            ("axis",),
        ),
        (
            {"log_softmax": -2},
            [value(4)],
            "axis -2 of (batch, 4) is the batch; its examples must not mix",
            "count the axes after the batch from 1, or from the end: -1 is the last",
            ("axis",),
        ),
        (
            "softmax",
            [value()],
            "axis -1 of (batch) is the batch; its examples must not mix",
            "count the axes after the batch from 1, or from the end: -1 is the last",
            ("axis",),
        ),
        ({"reshape": [-1, -1]}, [value(4)], "only one size may be -1, received [-1, -1]", None, ("shape",)),
        ({"reshape": [0, 4]}, [value(4)], "a size is a positive number or -1, received [0, 4]", None, ("shape",)),
        (
            {"reshape": [3, -1]},
            [value(2, 4)],
            "cannot give (batch, 2, 4) the shape [3, -1]: 8 numbers an example are no multiple of 3",
            None,
            ("shape",),
        ),
        (
            {"reshape": [3, 3]},
            [value(2, 4)],
            "cannot give (batch, 2, 4) the shape [3, 3]: 8 numbers an example do not make 9",
            None,
            ("shape",),
        ),
        (
            {"reshape": [2, 2]},
            [value(2, 4)],
            "cannot give (batch, 2, 4) the shape [2, 2]: 8 numbers an example do not make 4",
            None,
            ("shape",),
        ),
        (
            "add",
            [value(4), value(4, dtype=DType.float64)],
            "the inputs have different dtypes: float32(batch, 4) and float64(batch, 4)",
            None,
            (),
        ),
        (
            "multiply",
            [value(4), value(4, 1)],
            "the inputs have different numbers of axes: (batch, 4) and (batch, 4, 1)",
            "add axes with `reshape`",
            (),
        ),
        (
            "add",
            [value(4), value(5)],
            "the inputs differ in axis 1: (batch, 4) and (batch, 5)",
            "bring them to one size, or put them side by side with `concat`",
            (),
        ),
        (
            "flatten",
            [graph_input("k", DType.float32, ())],
            "needs a batch axis, received a single number",
            "read a value that depends on an input",
            (),
        ),
        (
            "concat",
            [value(4, 2), value(1, 2)],
            "the inputs differ in axis 1: (batch, 4, 2) and (batch, 1, 2)",
            None,
            (),
        ),
        (
            {"concat": 0},
            [value(4), value(4)],
            "axis 0 of (batch, 4) is the batch; its examples must not mix",
            "count the axes after the batch from 1, or from the end: -1 is the last",
            ("axis",),
        ),
    ],
)
def test_message(entry: Any, inputs: list[Value], message: str, hint: str | None, path: tuple[str, ...]) -> None:
    with pytest.raises(BuildError) as caught:
        build(entry, *inputs)
    assert (caught.value.message, caught.value.hint, caught.value.path) == (message, hint, path)
