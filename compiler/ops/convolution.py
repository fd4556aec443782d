"""Convolution and transposed convolution over 1, 2, 3, … spatial axes, with groups.

Each is the other's derivative by its input: `conv_input_gradient` has these, `conv_weight_gradient` that by the weight.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Derivative, Dim, Operator, Sample, TensorType, Value, constant, op, register
from .conv_input_gradient import input_gradient
from .conv_weight_gradient import weight_gradient
from .inference import require_float, require_same_dtype
from .windows import WINDOW_ATTRIBUTES, Window, add_up, attributes_of, cut_out, known, slide, windows_of


def kernel_windows(call: Call) -> tuple[Window, ...]:
    """The windows of the weight in input 1, whose `kernel_shape` may be given once more."""
    x, weight = call[0], call[1]
    require_float(call)
    require_same_dtype(call, [value for value in call.inputs if value is not None])
    if x.rank < 3 or weight.rank != x.rank:
        raise call.error(
            f"needs an input (batch, channels, size, …) and a weight of its rank, received {x.type}, {weight.type}"
        )
    given = call.attribute("kernel_shape")
    if given is not None and tuple(given) != weight.shape[2:]:
        raise call.error(f"kernel_shape is {list(given)}, but the weight is {weight.type}")
    return windows_of(call, weight.shape[2:])


def _check_bias(call: Call, filters: Dim) -> None:
    bias = call.optional(2)
    if bias is not None and bias.shape != (filters,):
        raise call.error(f"the bias must have one number for each of the {filters} filters, received {bias.type}")


def _infer_conv(call: Call) -> list[TensorType]:
    windows = kernel_windows(call)
    x, weight, group = call[0], call[1], call.attribute("group")
    filters, depth = weight.shape[:2]
    if depth * group != x.shape[1] or (isinstance(filters, int) and filters % group):
        raise call.error(f"{x.shape[1]} channels in {group} groups do not fit the weight {weight.type}")
    _check_bias(call, filters)
    return [TensorType(x.dtype, (x.shape[0], filters, *slide(call, windows)))]


def _windows(d: Derivative) -> tuple[Window, ...]:
    return kernel_windows(Call(d.node.op_type, d.inputs, {**dict.fromkeys(WINDOW_ATTRIBUTES), **d.node.attributes}))


def _sum_to_bias(d: Derivative) -> Value:
    return op.ReduceSum(d.dy, [0, *range(2, d.dy.rank)], keepdims=0)


def _conv_by_x(d: Derivative) -> Value:
    return input_gradient(d.dy, d[1], d.x, _windows(d), d.attribute("group"))


def _conv_by_weight(d: Derivative) -> Value:
    return weight_gradient(d.x, d.dy, d[1], _windows(d), d.attribute("group"))


def _numpy_windows(op_type: str, x: Array, weight: Array, attributes: dict[str, object]) -> tuple[Window, ...]:
    return kernel_windows(Call(op_type, (constant(x), constant(weight)), attributes))


def _evaluate_conv(x: Array, weight: Array, bias: Array | None = None, group: int = 1, **attributes: object) -> Array:
    windows = _numpy_windows("Conv", x, weight, {**WINDOW_ATTRIBUTES, **attributes})
    patches = np.stack(cut_out(x, windows), axis=2)  # (n, channels, elements, *positions)
    n = len(x)
    by_group = patches.reshape(n, group, -1, *patches.shape[3:])
    kernels = weight.reshape(group, weight.shape[0] // group, -1)
    y = np.einsum("ngk...,gmk->ngm...", by_group, kernels).reshape(n, weight.shape[0], *patches.shape[3:])
    return _with_bias(y, bias)


def _with_bias(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + bias.reshape(-1, *(1,) * (y.ndim - 2))


def _output_padding(call: Call, windows: tuple[Window, ...]) -> tuple[int, ...]:
    """What is added behind each axis: less than the stride, or the convolution back would see it as positions."""
    given = call.attribute("output_padding")
    extra = (0,) * len(windows) if given is None else tuple(given)
    if len(extra) != len(windows) or any(not 0 <= e < w.stride for e, w in zip(extra, windows, strict=False)):
        strides = [window.stride for window in windows]
        raise call.error(f"output_padding must be from 0 to below the strides {strides}, received {list(extra)}")
    return extra


def _transposed_length(call: Call, length: Dim, window: Window, extra: int) -> Dim:
    result = (length - 1) * window.stride + window.extent + extra - window.padding
    if isinstance(result, int) and result < 1:
        raise call.error(f"pads of {window.before} and {window.after} leave nothing of an axis of {length}")
    return result


def _infer_conv_transpose(call: Call) -> list[TensorType]:
    if call.attribute("auto_pad") != "NOTSET":
        raise call.error("give the pads instead of auto_pad", "CUDA has no kernel for auto_pad")
    windows = kernel_windows(call)
    x, weight, group = call[0], call[1], call.attribute("group")
    depth, filters = weight.shape[:2]
    if depth != x.shape[1] or (isinstance(depth, int) and depth % group):
        raise call.error(f"{x.shape[1]} channels in {group} groups do not fit the weight {weight.type}")
    _check_bias(call, filters * group)
    extra = _output_padding(call, windows)
    spatial = (_transposed_length(call, n, w, e) for n, w, e in zip(x.shape[2:], windows, extra, strict=True))
    return [TensorType(x.dtype, (x.shape[0], filters * group, *spatial))]


def _transpose_by_x(d: Derivative) -> Value:
    """The convolution of dy; what output_padding added is less than a stride and holds no further position."""
    return op.Conv(d.dy, d[1], group=d.attribute("group"), **attributes_of(_windows(d)))


def _transpose_by_weight(d: Derivative) -> Value:
    return weight_gradient(d.dy, d.x, d[1], _windows(d), d.attribute("group"))


def _evaluate_conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    group: int = 1,
    output_padding: tuple[int, ...] | None = None,
    **attributes: object,
) -> Array:
    full = {**WINDOW_ATTRIBUTES, **attributes, "output_padding": output_padding}
    windows = _numpy_windows("ConvTranspose", x, weight, full)
    extra = output_padding or (0,) * len(windows)
    n, channels = x.shape[:2]
    kernels = weight.reshape(group, channels // group, weight.shape[1], -1)
    spread = np.einsum("ngc...,gcmk->kngm...", x.reshape(n, group, channels // group, *x.shape[2:]), kernels)
    pieces = [piece.reshape(n, group * weight.shape[1], *x.shape[2:]) for piece in spread]
    lengths = [
        (size - 1) * w.stride + known(w.extent) + e - w.padding
        for size, w, e in zip(x.shape[2:], windows, extra, strict=True)
    ]
    return _with_bias(add_up(pieces, windows, lengths), bias)


def _numbers(*shape: int) -> Array:
    """Different numbers between -1 and 1."""
    return np.sin(np.arange(float(np.prod(shape))) * 1.7 + len(shape)).reshape(shape)


def _conv_samples() -> list[Sample]:
    x, weight = _numbers(2, 2, 5, 4), _numbers(3, 2, 3, 2)
    return [
        Sample((x, weight), name="plain"),
        Sample((x, weight, _numbers(3)), {"pads": (1, 0, 2, 1), "kernel_shape": (3, 2)}, name="asymmetric pads"),
        Sample((x, weight), {"strides": (2, 3), "pads": (1, 1, 1, 1)}, name="strides that leave a rest"),
        Sample((x, weight), {"dilations": (2, 1), "strides": (1, 2)}, name="dilated"),
        Sample((x, _numbers(3, 2, 1, 1), _numbers(3)), name="one by one"),
        Sample((x, _numbers(3, 2, 1, 1)), {"strides": (2, 2)}, name="one by one with strides"),
        Sample((_numbers(2, 4, 4, 3), _numbers(6, 2, 2, 2)), {"group": 2, "pads": (1, 0, 0, 0)}, name="groups"),
        Sample((_numbers(2, 3, 4, 4), _numbers(6, 1, 3, 3)), {"group": 3, "pads": (1, 1, 1, 1)}, name="depthwise"),
        Sample((x, weight), {"auto_pad": "SAME_UPPER", "strides": (2, 2)}, name="same"),
        Sample((x, weight), {"auto_pad": "SAME_LOWER"}, name="same lower"),
        Sample((x, weight), {"auto_pad": "VALID"}, name="valid"),
        Sample((_numbers(2, 2, 7), _numbers(3, 2, 3)), {"strides": (2,), "dilations": (2,)}, name="one axis"),
        Sample((_numbers(1, 2, 3, 4, 3), _numbers(2, 2, 2, 3, 1)), {"pads": (0, 1, 0, 1, 1, 0)}, name="three axes"),
    ]


def _conv_transpose_samples() -> list[Sample]:
    x, weight = _numbers(2, 3, 3, 2), _numbers(3, 2, 3, 2)
    return [
        Sample((x, weight), name="plain"),
        Sample((x, weight, _numbers(2)), {"strides": (2, 3), "output_padding": (1, 2)}, name="output padding"),
        Sample((x, weight), {"pads": (1, 0, 1, 0), "kernel_shape": (3, 2)}, name="pads"),
        Sample((x, weight), {"pads": (1, 0, 0, 1), "dilations": (1, 2)}, name="asymmetric pads and dilated"),
        Sample(
            (_numbers(2, 4, 3, 2), _numbers(4, 3, 2, 2), _numbers(6)), {"group": 2, "strides": (2, 1)}, name="groups"
        ),
        Sample((_numbers(2, 3, 4), _numbers(3, 2, 3)), {"strides": (2,), "pads": (1, 1)}, name="one axis"),
        Sample((_numbers(1, 2, 2, 3, 2), _numbers(2, 2, 2, 1, 2)), {"strides": (1, 2, 1)}, name="three axes"),
    ]


register(
    Operator(
        "Conv",
        infer=_infer_conv,
        gradients=(_conv_by_x, _conv_by_weight, _sum_to_bias),
        evaluate=_evaluate_conv,
        attributes={**WINDOW_ATTRIBUTES, "group": 1},
        samples=_conv_samples,
    )
)
register(
    Operator(
        "ConvTranspose",
        infer=_infer_conv_transpose,
        gradients=(_transpose_by_x, _transpose_by_weight, _sum_to_bias),
        evaluate=_evaluate_conv_transpose,
        attributes={**WINDOW_ATTRIBUTES, "group": 1, "output_padding": None},
        samples=_conv_transpose_samples,
    )
)
