"""Exponential, logarithm, and trigonometric functions. The other ones of ONNX have no CUDA kernel."""

from __future__ import annotations

import math

import numpy as np

from ..ir import Array, Operator, Sample, op, register
from .inference import float_same_as_first

_X = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])


def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ exp(−t²) dt, elementwise."""
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x), x.dtype)


register(
    Operator(
        "Exp",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy * d.y,),
        evaluate=np.exp,
        samples=lambda: [Sample((_X,))],
    )
)
register(
    Operator(
        "Log",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy / d.x,),
        evaluate=np.log,
        samples=lambda: [Sample((np.abs(_X),))],
    )
)
register(
    Operator(
        "Sin",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy * op.Cos(d.x),),
        evaluate=np.sin,
        samples=lambda: [Sample((_X,))],
    )
)
register(
    Operator(
        "Cos",
        infer=float_same_as_first,
        gradients=(lambda d: -d.dy * op.Sin(d.x),),
        evaluate=np.cos,
        samples=lambda: [Sample((_X,))],
    )
)
register(
    Operator(
        "Erf",
        infer=float_same_as_first,
        gradients=(lambda d: d.dy * (op.Exp(-d.x * d.x) * (2 / math.sqrt(math.pi))),),
        evaluate=erf,
        samples=lambda: [Sample((_X,))],
    )
)
