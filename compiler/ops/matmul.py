"""Matrix products. Gradients of batched products with one matrix are a single product of flattened rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ..ir import Array, Call, Derivative, Operator, Sample, Shape, TensorType, Value, apply, op, register, shape_text
from .inference import broadcast_shapes, require_float, require_same_dtype
from .shapes import reshape

CONTRIB: Final = "com.microsoft"


def _infer_matmul(call: Call) -> list[TensorType]:
    """As numpy.matmul: a vector on the left is a row, on the right a column; that axis is then dropped."""
    a, b = call[0], call[1]
    require_same_dtype(call, [a, b])
    if not a.rank or not b.rank:
        raise call.error(f"needs no scalars, received {a.type} and {b.type}")
    left = a.shape if a.rank > 1 else (1, *a.shape)
    right = b.shape if b.rank > 1 else (*b.shape, 1)
    shape = _product_shape(call, left, right)
    rows = shape[-2:-1] if a.rank > 1 else ()
    columns = shape[-1:] if b.rank > 1 else ()
    return [TensorType(a.dtype, (*shape[:-2], *rows, *columns))]


def _product_shape(call: Call, left: Shape, right: Shape) -> Shape:
    if left[-1] != right[-2]:
        raise call.error(
            f"cannot multiply {shape_text(call[0].shape)} and {shape_text(call[1].shape)}: "
            f"{left[-1]} columns meet {right[-2]} rows"
        )
    return (*broadcast_shapes(call, [left[:-2], right[:-2]]), left[-2], right[-1])


def transpose_last(x: Value) -> Value:
    """A matrix, or a batch of them, transposed."""
    axes = tuple(range(x.rank))
    return op.Transpose(x, perm=(*axes[:-2], axes[-1], axes[-2]))


def rows_of(x: Value) -> Value:
    """All axes but the last flattened into one."""
    if x.rank == 2:
        return x
    return op.Reshape(x, [-1, x.shape[-1]]) if isinstance(x.shape[-1], int) else op.Flatten(x, axis=x.rank - 1)


def _as_matrices(d: Derivative) -> tuple[Value, Value, Value]:
    """a, b and dy with the axes that vectors lack."""
    dropped = [*([-2] if d.a.rank == 1 else []), *([-1] if d.b.rank == 1 else [])]
    a = op.Unsqueeze(d.a, [0]) if d.a.rank == 1 else d.a
    b = op.Unsqueeze(d.b, [1]) if d.b.rank == 1 else d.b
    return a, b, op.Unsqueeze(d.dy, dropped) if dropped else d.dy


def _matmul_by_a(d: Derivative) -> Value:
    """dy·bᵀ."""
    a, b, dy = _as_matrices(d)
    if b.rank == 2:
        da = op.Gemm(rows_of(dy), b, transB=1)
        da = reshape(da, a.shape, a) if a.rank > 2 else da
    else:
        da = op.MatMul(dy, transpose_last(b))
    return op.Squeeze(da, [-2]) if d.a.rank == 1 else da


def _matmul_by_b(d: Derivative) -> Value:
    """aᵀ·dy, for one matrix b summed over the batch by the product itself."""
    a, b, dy = _as_matrices(d)
    db = op.Gemm(rows_of(a), rows_of(dy), transA=1) if b.rank == 2 else op.MatMul(transpose_last(a), dy)
    return op.Squeeze(db, [-1]) if d.b.rank == 1 else db


def _matrix(x: Array, transposed: int) -> Array:
    return np.swapaxes(x, -1, -2) if transposed else x


def _transposed_shape(shape: Shape, transposed: int) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if transposed else shape


def _product_of_transposed(call: Call) -> Shape:
    left = _transposed_shape(call[0].shape, call.attribute("transA"))
    return _product_shape(call, left, _transposed_shape(call[1].shape, call.attribute("transB")))


def _infer_gemm(call: Call) -> list[TensorType]:
    a, b, c = call[0], call[1], call.optional(2)
    require_float(call)
    require_same_dtype(call, [a, b, *([] if c is None else [c])])
    if a.rank != 2 or b.rank != 2:
        raise call.error(f"needs matrices, received {a.type} and {b.type}")
    shape = _product_of_transposed(call)
    if c is not None and broadcast_shapes(call, [shape, c.shape]) != shape:
        raise call.error(f"{c.type} does not broadcast to the product's shape {shape_text(shape)}")
    return [TensorType(a.dtype, shape)]


Product = Callable[..., Value]


def _by_a(d: Derivative, product: Product) -> Value:
    """α·dy·Bᵀ, or its transpose when A was transposed."""
    alpha, trans_b = d.attribute("alpha"), d.attribute("transB")
    if d.attribute("transA"):
        return product(d.b, d.dy, alpha=alpha, transA=trans_b, transB=1)
    return product(d.dy, d.b, alpha=alpha, transB=1 - trans_b)


def _by_b(d: Derivative, product: Product) -> Value:
    """α·Aᵀ·dy, or its transpose when B was transposed."""
    alpha, trans_a = d.attribute("alpha"), d.attribute("transA")
    if d.attribute("transB"):
        return product(d.dy, d.a, alpha=alpha, transA=1, transB=trans_a)
    return product(d.a, d.dy, alpha=alpha, transA=1 - trans_a)


def _gemm(
    a: Array,
    b: Array,
    c: Array | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Array:
    product = np.asarray(alpha, a.dtype) * (_matrix(a, transA) @ _matrix(b, transB))
    return np.asarray(product if c is None else product + np.asarray(beta, a.dtype) * c)


def _infer_fused(call: Call) -> list[TensorType]:
    require_float(call)
    require_same_dtype(call, [call[0], call[1]])
    if call[0].rank < 2 or call[1].rank < 2:
        raise call.error(f"needs matrices or batches of them, received {call[0].type} and {call[1].type}")
    return [TensorType(call[0].dtype, _product_of_transposed(call))]


def fused_matmul(a: Value, b: Value, *, alpha: float = 1.0, transA: int = 0, transB: int = 0) -> Value:
    """α·a·b of matrices or batches of them, either transposed first; one contrib kernel on both providers."""
    return apply("FusedMatMul", a, b, domain=CONTRIB, alpha=alpha, transA=transA, transB=transB)[0]


_A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
_B = np.array([[1.5, -0.5, 0.75, 0.3], [-2.0, 1.25, 0.5, -0.6], [0.8, 0.2, -1.1, 0.9]])
_V = np.array([0.7, -1.1, 1.3])
_BATCH = np.stack([_A, _A[::-1] * 0.7, _A * -0.4 + 0.1])

register(
    Operator(
        "MatMul",
        infer=_infer_matmul,
        gradients=(_matmul_by_a, _matmul_by_b),
        evaluate=np.matmul,
        samples=lambda: [
            Sample((_A, _B), name="matrices"),
            Sample((_BATCH, _B), name="batch by matrix"),
            Sample((_BATCH[None] * 0.9, _B), name="two batch axes by matrix"),
            Sample((_BATCH, _BATCH.swapaxes(1, 2)), name="batches"),
            Sample((_BATCH[:1], _BATCH.swapaxes(1, 2)), name="broadcast left"),
            Sample((_BATCH, _BATCH[:1].swapaxes(1, 2)), name="broadcast right"),
            Sample((_BATCH[:, None], _BATCH[:2].swapaxes(1, 2)), name="broadcast both"),
            Sample((_A, _BATCH.swapaxes(1, 2)), name="matrix by batch"),
            Sample((_V, _V[::-1]), name="vectors"),
            Sample((_V, _B), name="vector by matrix"),
            Sample((_A, _V), name="matrix by vector"),
            Sample((_BATCH, _V), name="batch by vector"),
            Sample((_V, _BATCH.swapaxes(1, 2)), name="vector by batch"),
        ],
    )
)
register(
    Operator(
        "Gemm",
        infer=_infer_gemm,
        gradients=(
            lambda d: _by_a(d, op.Gemm),
            lambda d: _by_b(d, op.Gemm),
            lambda d: d.dy if d.attribute("beta") == 1 else d.dy * d.attribute("beta"),
        ),
        evaluate=_gemm,
        attributes={"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0},
        samples=lambda: [
            Sample((_A, _B), name="product"),
            Sample((_A, _B, _B[0]), name="bias"),
            Sample((_A, _B, np.array([[0.4], [-0.9]])), {"alpha": 0.5, "beta": -1.5}, name="scaled column"),
            Sample((_A, _B, np.array(0.3)), {"beta": 2.0}, name="scalar"),
            Sample((_A.T, _B, _B[0]), {"transA": 1, "alpha": 0.5}, name="left transposed"),
            Sample((_A, _B.T, _B[:2]), {"transB": 1}, name="right transposed"),
            Sample((_A.T, _B.T), {"transA": 1, "transB": 1, "alpha": 2.0}, name="both transposed"),
        ],
    )
)
register(
    Operator(
        "FusedMatMul",
        domain=CONTRIB,
        infer=_infer_fused,
        gradients=(lambda d: _by_a(d, fused_matmul), lambda d: _by_b(d, fused_matmul)),
        evaluate=lambda a, b, alpha=1.0, transA=0, transB=0: _gemm(a, b, None, alpha, 1.0, transA, transB),
        attributes={"alpha": 1.0, "transA": 0, "transB": 0},
        samples=lambda: [
            Sample((_A, _B), {"alpha": 0.5}, name="matrices"),
            Sample((_BATCH, _BATCH), {"transB": 1, "alpha": 0.5}, name="right transposed"),
            Sample((_BATCH, _BATCH[:, :, :2]), {"transA": 1}, name="left transposed"),
            Sample((_BATCH, _A), {"transA": 1, "transB": 0}, name="left transposed by matrix"),
            Sample((_BATCH[:1].swapaxes(1, 2), _B.T), {"transA": 1, "transB": 1}, name="both transposed"),
        ],
    )
)
