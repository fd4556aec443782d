"""What the operators with sliding windows, and those that normalize, say to inputs that do not fit, word for word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import DType, graph_input, symbol
from netwright.compiler.ops import apply, op

BATCH, TIME = symbol("batch"), symbol("time")
X = graph_input("x", DType.float32, (BATCH, 4, 6, 5))
SEQUENCE = graph_input("s", DType.float32, (BATCH, 4, TIME))
FLAT = graph_input("flat", DType.float32, (BATCH, 4))
W = graph_input("w", DType.float32, (6, 4, 3, 3))
W1 = graph_input("w1", DType.float32, (6, 4, 3))
B = graph_input("b", DType.float32, (5,))
FOUR = graph_input("four", DType.float32, (4,))
WHOLE = graph_input("whole", DType.int64, (BATCH, 4, 6, 5))

REFUSALS: dict[str, tuple[Callable[[], object], str]] = {
    "conv, rank": (
        lambda: op.Conv(FLAT, W),
        "Conv: needs an input (batch, channels, size, …) and a weight of its rank, received "
        "float32(batch, 4), float32(6, 4, 3, 3)",
    ),
    "conv, rank of the weight": (
        lambda: op.Conv(X, W1),
        "Conv: needs an input (batch, channels, size, …) and a weight of its rank, received "
        "float32(batch, 4, 6, 5), float32(6, 4, 3)",
    ),
    "conv, kernel_shape": (
        lambda: op.Conv(X, W, kernel_shape=(2, 2)),
        "Conv: kernel_shape is [2, 2], but the weight is float32(6, 4, 3, 3)",
    ),
    "conv, channels": (
        lambda: op.Conv(X, W, group=2),
        "Conv: 4 channels in 2 groups do not fit the weight float32(6, 4, 3, 3)",
    ),
    "conv, filters": (
        lambda: op.Conv(X, graph_input("w", DType.float32, (5, 2, 3, 3)), group=2),
        "Conv: 4 channels in 2 groups do not fit the weight float32(5, 2, 3, 3)",
    ),
    "conv, bias": (
        lambda: op.Conv(X, W, B),
        "Conv: the bias must have one number for each of the 6 filters, received float32(5)",
    ),
    "conv, dtype": (lambda: op.Conv(WHOLE, W), "Conv: needs a floating-point input, received int64(batch, 4, 6, 5)"),
    "conv, pads": (lambda: op.Conv(X, W, pads=(1, 1)), "Conv: pads must be 4 numbers from 0 on, received [1, 1]"),
    "conv, negative pads": (
        lambda: op.Conv(X, W, pads=(1, 1, -1, 0)),
        "Conv: pads must be 4 numbers from 0 on, received [1, 1, -1, 0]",
    ),
    "conv, strides": (lambda: op.Conv(X, W, strides=(2,)), "Conv: strides must be 2 numbers from 1 on, received [2]"),
    "conv, dilations": (
        lambda: op.Conv(X, W, dilations=(0, 1)),
        "Conv: dilations must be 2 numbers from 1 on, received [0, 1]",
    ),
    "conv, auto_pad": (
        lambda: op.Conv(X, W, auto_pad="SAME"),
        "Conv: auto_pad must be one of NOTSET, VALID, SAME_UPPER, SAME_LOWER, received SAME",
    ),
    "conv, pads and auto_pad": (
        lambda: op.Conv(X, W, auto_pad="VALID", pads=(1, 0, 0, 0)),
        "Conv: takes either pads or auto_pad=VALID",
    ),
    "conv, too small": (
        lambda: op.Conv(X, graph_input("w", DType.float32, (6, 4, 3, 7))),
        "Conv: a window of 7 does not fit into axis 3 of (batch, 4, 6, 5)",
    ),
    "conv, too small with padding": (
        lambda: op.Conv(X, graph_input("w", DType.float32, (6, 4, 3, 9)), pads=(0, 1, 0, 1)),
        "Conv: a window of 9 does not fit into axis 3 of (batch, 4, 6, 5) with 2 added",
    ),
    "conv, symbolic with a stride": (
        lambda: op.Conv(SEQUENCE, W1, strides=(2,)),
        "Conv: a stride of 2 needs a fixed size; axis 2 is 'time'",
    ),
    "conv, symbolic and same": (
        lambda: op.Conv(SEQUENCE, W1, strides=(2,), auto_pad="SAME_UPPER"),
        "padding 'same' with a stride of 2 needs a fixed size, but 'time' is symbolic",
    ),
    "transposed, auto_pad": (
        lambda: op.ConvTranspose(X, graph_input("w", DType.float32, (4, 2, 3, 3)), auto_pad="SAME_UPPER"),
        "ConvTranspose: give the pads instead of auto_pad",
    ),
    "transposed, channels": (
        lambda: op.ConvTranspose(X, W),
        "ConvTranspose: 4 channels in 1 groups do not fit the weight float32(6, 4, 3, 3)",
    ),
    "transposed, bias": (
        lambda: op.ConvTranspose(X, graph_input("w", DType.float32, (4, 2, 3, 3)), B),
        "ConvTranspose: the bias must have one number for each of the 2 filters, received float32(5)",
    ),
    "transposed, output padding": (
        lambda: op.ConvTranspose(
            X, graph_input("w", DType.float32, (4, 2, 3, 3)), strides=(2, 1), output_padding=(1, 1)
        ),
        "ConvTranspose: output_padding must be from 0 to below the strides [2, 1], received [1, 1]",
    ),
    "transposed, nothing left": (
        lambda: op.ConvTranspose(X, graph_input("w", DType.float32, (4, 2, 1, 1)), pads=(3, 0, 3, 0)),
        "ConvTranspose: pads of 3 and 3 leave nothing of an axis of 6",
    ),
    "pool, rank": (
        lambda: apply("MaxPool", FLAT, kernel_shape=(2,)),
        "MaxPool: needs an input (batch, channels, size, …), received float32(batch, 4)",
    ),
    "pool, dtype": (
        lambda: apply("MaxPool", WHOLE, kernel_shape=(2, 2)),
        "MaxPool: needs a floating-point input, received int64(batch, 4, 6, 5)",
    ),
    "pool, axes": (
        lambda: apply("MaxPool", X, kernel_shape=(2,)),
        "MaxPool: a kernel of 1 axes does not fit float32(batch, 4, 6, 5) with its 2 spatial axes",
    ),
    "pool, size": (
        lambda: apply("MaxPool", X, kernel_shape=(0, 2)),
        "MaxPool: kernel_shape must be numbers from 1 on, received [0, 2]",
    ),
    "pool, padding alone": (
        lambda: apply("MaxPool", X, kernel_shape=(2, 2), pads=(2, 0, 0, 0)),
        "MaxPool: a padding of 2 makes windows of padding alone",
    ),
    "pool, ceil_mode": (
        lambda: apply("MaxPool", X, kernel_shape=(2, 2), ceil_mode=1),
        "MaxPool: ceil_mode=1 is not supported",
    ),
    "pool, storage_order": (
        lambda: apply("MaxPool", X, kernel_shape=(2, 2), storage_order=1),
        "MaxPool: storage_order=1 is not supported",
    ),
    "pool, dilations": (
        lambda: op.AveragePool(X, kernel_shape=(2, 2), dilations=(2, 1)),
        "AveragePool: dilations other than 1 are not supported",
    ),
    "pool, symbolic and padded": (
        lambda: op.AveragePool(SEQUENCE, kernel_shape=(3,), pads=(1, 1)),
        "AveragePool: padding that does not count needs a fixed size; axis 2 is 'time'",
    ),
    "global pool, rank": (
        lambda: op.GlobalMaxPool(FLAT),
        "GlobalMaxPool: needs an input (batch, channels, size, …), received float32(batch, 4)",
    ),
    "resize, unknown": (
        lambda: op.Resize(X, None, None, graph_input("n", DType.int64, (2,)), axes=(2, 3)),
        "Resize: the sizes are not known when compiling",
    ),
    "resize, scales": (
        lambda: op.Resize(X, None, B, axes=(2, 3)),
        "Resize: takes sizes, no region of interest and no scales",
    ),
    "resize, mode": (
        lambda: op.Resize(X, None, None, [12, 10], axes=(2, 3), mode="linear"),
        "Resize: mode must be nearest, received linear",
    ),
    "resize, smaller": (
        lambda: op.Resize(X, None, None, [9, 10], axes=(2, 3)),
        "Resize: takes multiples of known sizes after axis 1 of float32(batch, 4, 6, 5), received 9 for axis 2",
    ),
    "resize, first axis": (
        lambda: op.Resize(FOUR, None, None, [8], axes=(0,)),
        "Resize: takes multiples of known sizes after axis 1 of float32(4), received 8 for axis 0",
    ),
    "lrn, rank": (
        lambda: op.LRN(SEQUENCE, size=3),
        "LRN: needs an input (batch, channels, height, width), received float32(batch, 4, time)",
    ),
    "lrn, even": (lambda: op.LRN(X, size=4), "LRN: size must be an odd number of channels, received 4"),
    "batch normalization, training": (
        lambda: op.BatchNormalization(X, FOUR, FOUR, FOUR, FOUR, training_mode=1),
        "BatchNormalization: training_mode=1 is not supported",
    ),
    "batch normalization, channels": (
        lambda: op.BatchNormalization(X, FOUR, B, FOUR, FOUR),
        "BatchNormalization: scale, bias, mean and variance must have one number a channel of "
        "float32(batch, 4, 6, 5), received float32(4), float32(5), float32(4), float32(4)",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    make, message = REFUSALS[name]
    with pytest.raises(BuildError) as error:
        make()
    assert error.value.message == message
