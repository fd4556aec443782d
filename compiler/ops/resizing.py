"""Resize, as far as it repeats elements: `mode` nearest with whole scales.

The gradient of repeating is the sum of each block, which is `AveragePool` times the size of the block; that of
averaging disjoint windows is repeating. ONNX Runtime has fast kernels for both, where a transposition that interleaves
grids took 19 ms for 64×32×32×32 numbers (two cores).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from ..ir import (
    REQUIRED,
    Array,
    Call,
    Derivative,
    NotDifferentiable,
    Operator,
    Sample,
    TensorType,
    Value,
    constant,
    op,
    register,
)
from .inference import normalize_axes, require_float

_FIXED: Final = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def repeated(x: Value, scales: Sequence[int]) -> Value:
    """Each element `scale` times in a row along each axis from the third on, whose sizes must be known."""
    if all(scale == 1 for scale in scales):
        return x
    sizes = [n * scale for n, scale in zip(x.shape[2:], scales, strict=True)]
    axes = tuple(range(2, x.rank))
    return op.Resize(x, None, None, constant(np.array(sizes, np.int64)), axes=axes, **_FIXED)


def _infer(call: Call) -> list[TensorType]:
    require_float(call)
    for name, value in _FIXED.items():
        if call.attribute(name) != value:
            raise call.error(f"{name} must be {value}, received {call.attribute(name)}")
    if call.optional(1) is not None or call.optional(2) is not None:
        raise call.error("takes sizes, no region of interest and no scales")
    x, sizes = call[0], call.constant(3)
    if sizes is None:
        raise call.error("the sizes are not known when compiling")
    axes = normalize_axes(call, call.attribute("axes"), x.rank)
    shape = list(x.shape)
    for axis, size in zip(axes, sizes.tolist(), strict=True):
        have = shape[axis]
        if axis < 2 or not isinstance(have, int) or size % have:
            raise call.error(
                f"takes multiples of known sizes after axis 1 of {x.type}, received {size} for axis {axis}"
            )
        shape[axis] = size
    return [TensorType(x.dtype, tuple(shape))]


def _by_x(d: Derivative) -> Value:
    """The sum of dy over each block of repetitions."""
    sizes = zip(d.y.shape[2:], d.x.shape[2:], strict=True)
    block = tuple(more // n for more, n in sizes if isinstance(more, int) and isinstance(n, int))
    return op.AveragePool(d.dy, kernel_shape=block, strides=block) * float(math.prod(block))


def _evaluate(x: Array, roi: None, scales: None, sizes: Array, axes: tuple[int, ...], **fixed: str) -> Array:
    del roi, scales, fixed
    for axis, size in zip(axes, sizes, strict=True):
        x = np.repeat(x, int(size) // x.shape[axis], axis)
    return x


_X = np.random.default_rng(0).normal(size=(2, 3, 2, 4))
_UNUSED = NotDifferentiable("it is not given")

register(
    Operator(
        "Resize",
        infer=_infer,
        gradients=(_by_x, _UNUSED, _UNUSED, NotDifferentiable("it is a shape")),
        evaluate=_evaluate,
        attributes={"axes": REQUIRED, **_FIXED},
        samples=lambda: [
            Sample((_X, None, None, np.array([4, 12])), {"axes": (2, 3)}, name="two axes"),
            Sample((_X[:, :, 0], None, None, np.array([8])), {"axes": (2,)}, name="one axis"),
        ],
    )
)
