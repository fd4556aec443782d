"""Activation functions. Where a function has a kink, its derivative there is PyTorch's."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, TensorType, Value, op, register
from .exponential import erf
from .inference import broadcast, float_same_as_first, require_float, require_same_dtype

# As ONNX states them, in the precision of float32.
SELU_ALPHA: Final = 1.67326319217681884765625
SELU_GAMMA: Final = 1.05070102214813232421875

_X = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])


def _samples() -> list[Sample]:
    return [Sample((_X,))]


def _samples_with(**attributes: float) -> list[Sample]:
    return [Sample((_X,), name="defaults"), Sample((_X,), attributes, name="attributes")]


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), without overflow."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, small) / (1 + small), x.dtype)


def _hard_sigmoid_gradient(d: Derivative) -> Value:
    inside = op.And(op.Greater(d.y, 0), op.Less(d.y, 1))
    return op.Where(inside, d.dy * d.attribute("alpha"), 0)


def normal_distribution(x: Value) -> Value:
    """Φ(x) = ½·erf(x/√2) + ½."""
    return op.Erf(x * math.sqrt(0.5)) * 0.5 + 0.5


def _gelu_gradient(d: Derivative) -> Value:
    """Φ(x) + x·φ(x) for x·Φ(x); or with Φ(x) ≈ (1 + tanh u)/2, u = √(2/π)(x + 0.044715x³) (arXiv:1606.08415)."""
    x = d.x
    if d.attribute("approximate") == "none":
        turned = x * math.sqrt(0.5)  # ln φ(x) = −½·ln 2π − turned²
        density = op.Exp(-0.5 * math.log(2 * math.pi) - turned * turned)
        return d.dy * (normal_distribution(x) + x * density)
    square = x * x
    t = op.Tanh(x * (square * (_TANH_SCALE * _TANH_CUBE) + _TANH_SCALE))
    slope = square * (3 * _TANH_SCALE * _TANH_CUBE) + _TANH_SCALE
    return d.dy * ((t + 1) * 0.5 + x * 0.5 * (1 - t * t) * slope)


_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBE = 0.044715


def _infer_gelu(call: Call) -> list[TensorType]:
    if call.attribute("approximate") not in ("none", "tanh"):
        raise call.error(f"approximate must be 'none' or 'tanh', received {call.attribute('approximate')!r}")
    return float_same_as_first(call)


def _gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "none":
        return np.asarray(x * 0.5 * (1 + erf(x * math.sqrt(0.5))))
    return np.asarray(x * 0.5 * (1 + np.tanh(_TANH_SCALE * (x + _TANH_CUBE * x**3))))


def _infer_prelu(call: Call) -> list[TensorType]:
    """The slope broadcasts to x, never x to the slope."""
    require_float(call)
    require_same_dtype(call, [call[0], call[1]])
    if broadcast(call, [call[0], call[1]]) != call[0].shape:
        raise call.error(f"the slope {call[1].type} does not broadcast to the input {call[0].type}")
    return [call[0].type]


register(
    Operator(
        "Relu",
        infer=float_same_as_first,
        gradients=(lambda d: op.Where(op.Greater(d.y, 0), d.dy, 0),),  # faster than a product with the cast condition
        evaluate=lambda x: np.maximum(x, 0),
        samples=_samples,
    )
)
register(
    Operator(
        "LeakyRelu",
        infer=float_same_as_first,
        gradients=(lambda d: op.Where(op.Greater(d.x, 0), d.dy, d.dy * d.attribute("alpha")),),
        evaluate=lambda x, alpha=0.01: np.where(x > 0, x, x * alpha),
        attributes={"alpha": 0.01},
        samples=lambda: _samples_with(alpha=0.3),
    )
)
register(
    Operator(
        "PRelu",
        infer=_infer_prelu,
        gradients=(
            lambda d: op.Where(op.Greater(d.x, 0), d.dy, d.dy * d.b),
            lambda d: op.Where(op.Greater(d.x, 0), 0, d.dy * d.x),
        ),
        evaluate=lambda x, slope: np.where(x > 0, x, x * slope),
        samples=lambda: [
            Sample((_X, np.array([0.1, 0.2, -0.3])), name="row"),
            Sample((_X, np.array([0.25])), name="one slope"),
            Sample((_X, np.array([[0.1], [0.4]])), name="column"),
        ],
    )
)
register(
    Operator(
        "ThresholdedRelu",
        infer=float_same_as_first,
        gradients=(lambda d: op.Where(op.Greater(d.x, d.attribute("alpha")), d.dy, 0),),
        evaluate=lambda x, alpha=1.0: np.where(x > alpha, x, x * 0),
        attributes={"alpha": 1.0},
        samples=lambda: [Sample((_X * 1.1,), name="defaults"), Sample((_X,), {"alpha": 0.4}, name="attributes")],
    )
)
register(
    Operator(
        "Elu",
        infer=float_same_as_first,
        # y + α = α·eˣ for x ≤ 0
        gradients=(lambda d: op.Where(op.Greater(d.x, 0), d.dy, d.dy * (d.y + d.attribute("alpha"))),),
        evaluate=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        attributes={"alpha": 1.0},
        samples=lambda: _samples_with(alpha=0.7),
    )
)
register(
    Operator(
        "Selu",
        infer=float_same_as_first,
        gradients=(
            lambda d: (
                d.dy
                * op.Where(op.Greater(d.x, 0), d.attribute("gamma"), d.y + d.attribute("alpha") * d.attribute("gamma"))
            ),
        ),
        evaluate=lambda x, alpha=SELU_ALPHA, gamma=SELU_GAMMA: (
            gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
        ),
        attributes={"alpha": SELU_ALPHA, "gamma": SELU_GAMMA},
        samples=lambda: _samples_with(alpha=1.5, gamma=0.8),
    )
)
register(
    Operator(
        "Sigmoid",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy * (d.y * (1 - d.y)),),
        evaluate=sigmoid,
        samples=_samples,
    )
)
register(
    Operator(
        "HardSigmoid",
        infer=float_same_as_first,
        gradients=(_hard_sigmoid_gradient,),
        evaluate=lambda x, alpha=0.2, beta=0.5: np.clip(alpha * x + beta, 0, 1),
        attributes={"alpha": 0.2, "beta": 0.5},
        samples=lambda: [Sample((_X * 3,), name="defaults"), Sample((_X,), {"alpha": 0.6}, name="attributes")],
    )
)
register(
    Operator(
        "Tanh",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy * (1 - d.y * d.y),),
        evaluate=np.tanh,
        samples=_samples,
    )
)
register(
    Operator(
        "Softplus",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy * op.Sigmoid(d.x),),
        evaluate=lambda x: np.logaddexp(x, np.zeros((), x.dtype)),
        samples=_samples,
    )
)
register(
    Operator(
        "Softsign",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy / op.Pow(op.Abs(d.x) + 1, 2),),
        evaluate=lambda x: x / (1 + np.abs(x)),
        samples=_samples,
    )
)
register(
    Operator(
        "Gelu",
        infer=_infer_gelu,
        gradients=(_gelu_gradient,),
        evaluate=_gelu,
        attributes={"approximate": "none"},
        samples=lambda: [
            Sample((_X,), name="exact"),
            Sample((_X,), {"approximate": "tanh"}, name="tanh"),
        ],
    )
)
