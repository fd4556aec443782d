"""Batch normalization with given statistics, as models that were trained elsewhere have it.

What trains here is made of plain operators (`layers/batch_norm.py`): with `training_mode=1` no CUDA session can be
made. Ioffe and Szegedy, arXiv:1502.03167.
"""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .inference import require_float, require_same_dtype
from .shapes import reshape


def _infer(call: Call) -> list[TensorType]:
    require_float(call)
    x = call[0]
    given = [call[index] for index in range(5)]
    require_same_dtype(call, given)
    if call.attribute("training_mode"):
        raise call.error("training_mode=1 is not supported", "CUDA has no kernel for it")
    if x.rank < 2 or any(value.shape != x.shape[1:2] for value in given[1:]):
        types = ", ".join(str(value.type) for value in given[1:])
        raise call.error(f"scale, bias, mean and variance must have one number a channel of {x.type}, received {types}")
    return [x.type]


def _across(value: Value, x: Value) -> Value:
    """One number a channel, as it broadcasts against x."""
    return reshape(value, (1, x.shape[1], *(1 for _ in x.shape[2:])), x)


def _total(value: Value) -> Value:
    return op.ReduceSum(value, [0, *range(2, value.rank)], keepdims=0)


def _inverse(d: Derivative) -> Value:
    """1/σ, one number a channel."""
    return op.Reciprocal(op.Sqrt(d[4] + d.attribute("epsilon")))


def _by_x(d: Derivative) -> Value:
    return d.dy * _across(d[1] * _inverse(d), d.x)


def _along_deviation(d: Derivative) -> Value:
    """Σ dy·(x − mean)."""
    return _total(d.dy * (d.x - _across(d[3], d.x)))


def _by_variance(d: Derivative) -> Value:
    inverse = _inverse(d)
    return _along_deviation(d) * d[1] * inverse * inverse * inverse * -0.5


def _evaluate(
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    variance: Array,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Array:
    del momentum, training_mode
    shape = (1, -1, *(1,) * (x.ndim - 2))
    factor = scale / np.sqrt(variance + x.dtype.type(epsilon))
    return np.asarray((x - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape))


_X = np.sin(np.arange(2 * 3 * 2 * 2) * 1.7).reshape(2, 3, 2, 2)
_GIVEN = (np.array([0.5, -1.5, 2.0]), np.array([0.1, 0.2, -0.3]), np.array([0.3, -0.2, 0.1]), np.array([0.5, 1.5, 0.9]))

register(
    Operator(
        "BatchNormalization",
        infer=_infer,
        gradients=(
            _by_x,
            lambda d: _along_deviation(d) * _inverse(d),
            lambda d: _total(d.dy),
            lambda d: -_total(d.dy) * d[1] * _inverse(d),
            _by_variance,
        ),
        evaluate=_evaluate,
        attributes={"epsilon": 1e-5, "momentum": 0.9, "training_mode": 0},
        samples=lambda: [
            Sample((_X, *_GIVEN), {"epsilon": 0.125}, name="images"),
            Sample((_X[:, :, 0, 0], *_GIVEN), name="features"),
        ],
    )
)
