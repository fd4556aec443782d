"""Layer normalization (Ba, Kiros and Hinton, arXiv:1607.06450)."""

from __future__ import annotations

import numpy as np

from ..ir import Array, Call, Derivative, DType, Operator, Sample, TensorType, Value, op, register
from .cast import cast
from .inference import broadcast, normalize_axis, require_float, require_same_dtype
from .reduction import count
from .shapes import shape_of


def _infer(call: Call) -> list[TensorType]:
    """y of the type of x; mean and 1/σ with the normalized axes of size one, in float32 (stash_type 1)."""
    require_float(call)
    x, affine = call[0], [value for value in (call[1], call.optional(2)) if value is not None]
    require_same_dtype(call, [x, *affine])
    axis = normalize_axis(call, call.attribute("axis"), x.rank)
    if call.attribute("stash_type") != 1:
        raise call.error(f"stash_type must be 1 (float32), received {call.attribute('stash_type')}")
    if broadcast(call, [x, *affine]) != x.shape:
        shapes = " and ".join(str(value.type) for value in affine)
        raise call.error(f"the scale and bias {shapes} do not broadcast to the input {x.type}")
    statistic = TensorType(DType.float32, (*x.shape[:axis], *(1 for _ in x.shape[axis:])))
    return [x.type, statistic, statistic]


def _exact(d: Derivative) -> DType:
    """The dtype to differentiate in: half precisions are widened to float32."""
    return DType.float64 if d.x.dtype is DType.float64 else DType.float32


def _axes(d: Derivative) -> list[int]:
    return list(range(d.attribute("axis") % d.x.rank, d.x.rank))


def _normalized(d: Derivative) -> tuple[Value, Value]:
    """x̂ = (x − μ)/σ and 1/σ, from the statistics of the forward pass.

    These are in float32 also for float64 inputs, too coarse to differentiate with; they are then computed again.
    """
    x = cast(d.x, _exact(d))
    if d.x.dtype is not DType.float64:
        inverse = d.node.outputs[2]
        return (x - d.node.outputs[1]) * inverse, inverse
    centered = x - op.ReduceMean(x, _axes(d), keepdims=1)
    variance = op.ReduceMean(centered * centered, _axes(d), keepdims=1)
    inverse = op.Reciprocal(op.Sqrt(variance + d.attribute("epsilon")))
    return centered * inverse, inverse


def _by_x(d: Derivative) -> Value:
    """(g − mean g − x̂·mean(g·x̂))/σ with g = dy·scale, and the derivatives of the statistics where they are used.

    μ has the derivative 1/N, and 1/σ has −x̂/(σ²·N).
    """
    dtype = _exact(d)
    axes = _axes(d)
    normalized, inverse = _normalized(d)
    dy, dmean, dinverse = (None if value is None else cast(value, dtype) for value in d.dys)
    result: Value | None = None
    if dy is not None:
        g = dy * cast(d[1], dtype)
        along = op.ReduceMean(g * normalized, axes, keepdims=1)
        result = (g - op.ReduceMean(g, axes, keepdims=1) - normalized * along) * inverse
    size = count(d.x, axes)
    if dmean is not None:
        part = op.Expand(dmean / _in(size, dtype), shape_of(d.x))
        result = part if result is None else result + part
    if dinverse is not None:
        part = normalized * (dinverse * inverse * inverse / _in(size, dtype))
        result = -part if result is None else result - part
    assert result is not None
    return cast(result, d.x.dtype)


def _in(size: Value | float, dtype: DType) -> Value | float:
    return cast(size, dtype) if isinstance(size, Value) else size


def _by_scale(d: Derivative) -> Value | None:
    dy = d.dys[0]
    return None if dy is None else cast(cast(dy, _exact(d)) * _normalized(d)[0], d.x.dtype)


def _evaluate(
    x: Array, scale: Array, bias: Array | None = None, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> tuple[Array, Array, Array]:
    del stash_type
    axes = tuple(range(axis % x.ndim, x.ndim))
    wide = x.astype(np.result_type(x.dtype, np.float32))
    mean = np.mean(wide, axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(np.mean((wide - mean) ** 2, axis=axes, keepdims=True) + epsilon)
    y = (wide - mean) * inverse * scale
    return (y if bias is None else y + bias).astype(x.dtype), mean, inverse


_X = np.array([[[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], [[1.25, 0.1, -0.4], [-2.0, 0.9, 1.6]]])
_SCALE = np.array([[0.8, -1.2, 1.5], [0.4, 1.1, -0.6]])
_BIAS = np.array([0.1, -0.2, 0.3])

register(
    Operator(
        "LayerNormalization",
        infer=_infer,
        gradients=(_by_x, _by_scale, lambda d: d.dys[0]),
        evaluate=_evaluate,
        attributes={"axis": -1, "epsilon": 1e-5, "stash_type": 1},
        samples=lambda: [
            Sample((_X, _SCALE[0], _BIAS), name="last axis", outputs=3),
            Sample((_X, _SCALE, _BIAS), {"axis": 1, "epsilon": 0.1}, name="two axes", outputs=3),
            Sample((_X, _SCALE[1]), {"axis": -1}, name="no bias", outputs=3),
        ],
    )
)
