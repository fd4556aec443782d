"""Local response normalization across channels (Krizhevsky, Sutskever and Hinton, NeurIPS 2012)."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ..ir import REQUIRED, Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .inference import require_float
from .slicing import pad_zeros, take


def _infer(call: Call) -> list[TensorType]:
    require_float(call)
    if call[0].rank != 4:
        raise call.error(f"needs an input (batch, channels, height, width), received {call[0].type}")
    if call.attribute("size") < 1 or call.attribute("size") % 2 == 0:
        raise call.error(f"size must be an odd number of channels, received {call.attribute('size')}")
    return [call[0].type]


def _over_neighbours(x: Value, size: int) -> Value:
    """For each channel the sum over it and its neighbours, `size` channels together."""
    side = size // 2
    wide = pad_zeros(x, [0, side, 0, 0], [0, side, 0, 0])
    parts = [take(wide, 1, start, x.shape[1]) for start in range(size)]
    return reduce(lambda a, b: a + b, parts)


def _by_x(d: Derivative) -> Value:
    """dy·s^−β − 2αβ/size · x · Σ dy·x·s^(−β−1), where s = bias + α/size·Σx²."""
    size: int = d.attribute("size")
    beta: float = d.attribute("beta")
    rate: float = d.attribute("alpha") / size
    total = _over_neighbours(d.x * d.x, size) * rate + d.attribute("bias")
    scaled = d.dy * op.Pow(total, -beta)
    return scaled - d.x * _over_neighbours(scaled * d.x / total, size) * (2 * rate * beta)


def _evaluate(x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Array:
    side, channels = size // 2, x.shape[1]
    wide = np.pad(x * x, [(0, 0), (side, side), (0, 0), (0, 0)])
    total = sum(wide[:, start : start + channels] for start in range(size))
    return np.asarray(x * (bias + float(alpha) / size * total) ** -float(beta), x.dtype)


_X = np.sin(np.arange(2 * 5 * 2 * 3) * 1.7).reshape(2, 5, 2, 3)

register(
    Operator(
        "LRN",
        infer=_infer,
        gradients=(_by_x,),
        evaluate=_evaluate,
        attributes={"alpha": 1e-4, "beta": 0.75, "bias": 1.0, "size": REQUIRED},
        samples=lambda: [
            Sample((_X,), {"size": 3, "alpha": 0.5}, name="three"),
            Sample((_X,), {"size": 5, "alpha": 0.75, "beta": 1.25, "bias": 2.0}, name="five"),
        ],
    )
)
