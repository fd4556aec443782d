"""Maximum and average over sliding windows, and over whole images.

Of equal maxima in a window the first takes the gradient, the last axis running fastest, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..ir import (
    REQUIRED,
    Array,
    Call,
    Derivative,
    DType,
    Operator,
    Sample,
    TensorType,
    Value,
    constant,
    op,
    product,
    register,
)
from .inference import require_float
from .pooling_gradients import average_pool_gradient, max_pool_gradient, shares
from .reduction import count
from .shapes import reshape, shape_of, zeros_like
from .windows import WINDOW_ATTRIBUTES, Window, cut_out, known, slide, windows_of

_POOL_ATTRIBUTES = {**WINDOW_ATTRIBUTES, "kernel_shape": REQUIRED, "ceil_mode": 0}


def _pool_windows(call: Call) -> tuple[Window, ...]:
    require_float(call)
    if call[0].rank < 3:
        raise call.error(f"needs an input (batch, channels, size, …), received {call[0].type}")
    if call.attribute("ceil_mode"):
        raise call.error("ceil_mode=1 is not supported", "pad the input behind instead")
    kernel = tuple(call.attribute("kernel_shape"))
    if min(kernel) < 1:
        raise call.error(f"kernel_shape must be numbers from 1 on, received {list(kernel)}")
    windows = windows_of(call, kernel)
    for window in windows:
        if max(window.before, window.after) >= known(window.extent):
            raise call.error(f"a padding of {max(window.before, window.after)} makes windows of padding alone")
    return windows


def _infer_max_pool(call: Call) -> list[TensorType]:
    if call.attribute("storage_order"):
        raise call.error("storage_order=1 is not supported")
    x = call[0]
    shape = (*x.shape[:2], *slide(call, _pool_windows(call)))
    return [TensorType(x.dtype, shape), TensorType(DType.int64, shape)]


def _infer_average_pool(call: Call) -> list[TensorType]:
    x, windows = call[0], _pool_windows(call)
    if any(window.dilation != 1 for window in windows):
        raise call.error("dilations other than 1 are not supported", "CUDA has no kernel for them")
    for axis, window in enumerate(windows, start=2):
        if window.padding and not call.attribute("count_include_pad") and not isinstance(x.shape[axis], int):
            raise call.error(f"padding that does not count needs a fixed size; axis {axis} is '{x.shape[axis]}'")
    return [TensorType(x.dtype, (*x.shape[:2], *slide(call, windows)))]


def _windows(d: Derivative) -> tuple[Window, ...]:
    return _pool_windows(Call(d.node.op_type, d.inputs, {**dict.fromkeys(WINDOW_ATTRIBUTES), **d.node.attributes}))


def _max_pool_by_x(d: Derivative) -> Value:
    return max_pool_gradient(d.x, d.y, d.node.outputs[1], d.dy, _windows(d))


def _average_pool_by_x(d: Derivative) -> Value:
    return average_pool_gradient(d.dy, _windows(d), d.x, bool(d.attribute("count_include_pad")))


def _numpy_windows(x: Array, attributes: dict[str, Any]) -> tuple[Window, ...]:
    return _pool_windows(Call("pooling", (constant(x),), {**_POOL_ATTRIBUTES, **attributes}))


def _evaluate_max_pool(x: Array, storage_order: int = 0, **attributes: Any) -> tuple[Array, Array]:
    """The maxima, and where the first of each window is in x flattened."""
    del storage_order
    windows = _numpy_windows(x, attributes)
    candidates = np.stack(cut_out(x, windows, -math.inf))
    places = np.stack(cut_out(np.arange(x.size).reshape(x.shape), windows))
    first = candidates.argmax(0)[None]
    return np.take_along_axis(candidates, first, 0)[0], np.take_along_axis(places, first, 0)[0]


def _evaluate_average_pool(x: Array, count_include_pad: int = 0, **attributes: Any) -> Array:
    windows = _numpy_windows(x, attributes)
    share = shares(windows, x.shape[2:], bool(count_include_pad), constant(x)).constant
    assert share is not None
    return np.asarray(sum(cut_out(x, windows)) * share, x.dtype)


def _infer_global(call: Call) -> list[TensorType]:
    require_float(call)
    x = call[0]
    if x.rank < 3:
        raise call.error(f"needs an input (batch, channels, size, …), received {x.type}")
    return [TensorType(x.dtype, (*x.shape[:2], *(1 for _ in x.shape[2:])))]


def _global_average_by_x(d: Derivative) -> Value:
    return op.Expand(d.dy / count(d.x, range(2, d.x.rank)), shape_of(d.x))


def _global_max_by_x(d: Derivative) -> Value:
    """dy at the first maximum of each image, which ArgMax finds."""
    flat = reshape(d.x, (*d.x.shape[:2], product(d.x.shape[2:])))
    first = op.ArgMax(flat, axis=2, keepdims=1)
    dy = reshape(d.dy, (*d.x.shape[:2], 1))
    return reshape(op.ScatterElements(zeros_like(flat), first, dy, axis=2), d.x.shape, d.x)


def _over_images(function: Callable[..., Array]) -> Callable[[Array], Array]:
    return lambda x: np.asarray(function(x, axis=tuple(range(2, x.ndim)), keepdims=True), x.dtype)


def _distinct(*shape: int) -> Array:
    """Different numbers in a fixed disorder, so that no window has two maxima."""
    return np.random.default_rng(len(shape)).permutation(np.linspace(-2, 2, math.prod(shape))).reshape(shape)


_X = _distinct(2, 3, 5, 4)
_LINE = _distinct(2, 3, 7)


def _window_samples(outputs: int = 1) -> list[Sample]:
    """What maximum and average have in common."""
    samples = [
        Sample((_X,), {"kernel_shape": (2, 2), "strides": (2, 2)}, name="disjoint"),
        Sample((_X,), {"kernel_shape": (3, 2)}, name="overlapping"),
        Sample((_X,), {"kernel_shape": (3, 2), "strides": (2, 3), "pads": (1, 0, 2, 1)}, name="asymmetric pads"),
        Sample((_X,), {"kernel_shape": (1, 2), "strides": (2, 3)}, name="gaps"),
        Sample((_X,), {"kernel_shape": (3, 3), "strides": (2, 2), "auto_pad": "SAME_UPPER"}, name="same"),
        Sample((_LINE,), {"kernel_shape": (3,), "strides": (2,), "pads": (1, 1)}, name="one axis"),
        Sample((_distinct(1, 2, 3, 4, 2),), {"kernel_shape": (2, 2, 1), "strides": (1, 2, 1)}, name="three axes"),
    ]
    return [replace(sample, outputs=outputs) for sample in samples]


register(
    Operator(
        "MaxPool",
        infer=_infer_max_pool,
        gradients=(_max_pool_by_x,),
        evaluate=_evaluate_max_pool,
        attributes={**_POOL_ATTRIBUTES, "storage_order": 0},
        optional_outputs=1,
        samples=lambda: [
            *_window_samples(outputs=2),
            Sample((_X,), {"kernel_shape": (2, 2), "dilations": (2, 1), "strides": (1, 2)}, name="dilated", outputs=2),
            Sample((_X,), {"kernel_shape": (1, 2), "strides": (1, 2)}, name="disjoint along one axis", outputs=2),
        ],
    )
)
register(
    Operator(
        "AveragePool",
        infer=_infer_average_pool,
        gradients=(_average_pool_by_x,),
        evaluate=_evaluate_average_pool,
        attributes={**_POOL_ATTRIBUTES, "count_include_pad": 0},
        samples=lambda: [
            *_window_samples(),
            Sample(
                (_X,),
                {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "count_include_pad": 1},
                name="padding counted",
            ),
        ],
    )
)
register(
    Operator(
        "GlobalAveragePool",
        infer=_infer_global,
        gradients=(_global_average_by_x,),
        evaluate=_over_images(np.mean),
        samples=lambda: [Sample((_X,), name="two axes"), Sample((_LINE,), name="one axis")],
    )
)
register(
    Operator(
        "GlobalMaxPool",
        infer=_infer_global,
        gradients=(_global_max_by_x,),
        evaluate=_over_images(np.max),
        samples=lambda: [Sample((_X,), name="two axes"), Sample((_LINE,), name="one axis")],
    )
)
