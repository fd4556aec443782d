"""The operators' values and gradients are PyTorch's, in float64, ties and kinks included.

`TORCH` is the table of counterparts; a test says which operators have none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import operator_contract as contract
import pytest
from graph_functions import reference
from netwright.compiler.ir import Array, DType, Sample, Value, find
from operator_contract import Case

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Reductions take their axes as an input."""

    def run(x: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        dims = tuple(range(x.ndim)) if axes is None else tuple(int(axis) for axis in axes)
        return function(x, dims, bool(keepdims))

    return run


def _product(x: Any, dims: tuple[int, ...], keep: bool) -> Any:
    for dim in sorted((dim % x.ndim for dim in dims), reverse=True):
        x = x.prod(dim, keepdim=keep, dtype=x.dtype)
    return x


def _gemm(a: Any, b: Any, c: Any = None, alpha: float = 1, beta: float = 1, transA: int = 0, transB: int = 0) -> Any:
    y = alpha * ((a.T if transA else a) @ (b.T if transB else b))
    return y if c is None else y + beta * c


def _fused(a: Any, b: Any, alpha: float = 1, transA: int = 0, transB: int = 0) -> Any:
    return alpha * ((a.mT if transA else a) @ (b.mT if transB else b))


def _layer_norm(x: Any, scale: Any, bias: Any, axis: int, epsilon: float, stash_type: int) -> Any:
    shape = x.shape[axis:]
    bias = None if bias is None else bias.expand(shape)
    return functional.layer_norm(x, shape, scale, bias, epsilon), None, None  # the statistics are ONNX's alone


def _cumulative(x: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
    along = int(axis)
    y = x.flip(along) if reverse else x
    sums = y.cumsum(along) - (y if exclusive else 0)
    return sums.flip(along) if reverse else sums


def _folded(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(first: Any, *rest: Any) -> Any:
        for value in rest:
            first = function(first, value)
        return first

    return run


def _by_rank(name: str, x: Any) -> Callable[..., Any]:
    """torch's function for as many spatial axes as x has."""
    function: Callable[..., Any] = getattr(functional, f"{name}{x.ndim - 2}d")
    return function


def _padded(x: Any, sizes: Sequence[int], attributes: Mapping[str, Any], fill: float = 0.0) -> Any:
    """x with the padding that the attributes ask for, as torch's functions take equal padding only."""
    rank = x.ndim - 2
    strides, dilations = attributes.get("strides") or (1,) * rank, attributes.get("dilations") or (1,) * rank
    pads = attributes.get("pads") or (0,) * (2 * rank)
    if attributes["auto_pad"].startswith("SAME"):
        totals = [
            max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
            for n, k, s, d in zip(x.shape[2:], sizes, strides, dilations, strict=True)
        ]
        less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
        pads = (*less, *more) if attributes["auto_pad"] == "SAME_UPPER" else (*more, *less)
    last_first = [pads[at] for axis in reversed(range(rank)) for at in (axis, axis + rank)]
    return functional.pad(x, last_first, value=fill)


def _steps(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"stride": attributes.get("strides") or 1, "dilation": attributes.get("dilations") or 1}


def _conv(x: Any, weight: Any, bias: Any = None, group: int = 1, **attributes: Any) -> Any:
    wide = _padded(x, weight.shape[2:], attributes)
    return _by_rank("conv", x)(wide, weight, bias, groups=group, **_steps(attributes))


def _conv_transpose(x: Any, weight: Any, bias: Any = None, group: int = 1, **attributes: Any) -> Any:
    extra = attributes.get("output_padding") or 0
    wide = _by_rank("conv_transpose", x)(x, weight, bias, output_padding=extra, groups=group, **_steps(attributes))
    pads, rank = attributes.get("pads") or (0,) * (2 * x.ndim - 4), x.ndim - 2
    cut = tuple(slice(pads[i], wide.shape[2 + i] - pads[i + rank]) for i in range(rank))
    return wide[(..., *cut)]


def _max_pool(x: Any, kernel_shape: tuple[int, ...], **attributes: Any) -> Any:
    wide = _padded(x, kernel_shape, attributes, float("-inf"))
    return _by_rank("max_pool", x)(wide, kernel_shape, **_steps(attributes)), None  # indices count without padding here


def _average_pool(x: Any, kernel_shape: tuple[int, ...], count_include_pad: int, **attributes: Any) -> Any:
    def mean(value: Any) -> Any:
        wide = _padded(value, kernel_shape, attributes)
        return _by_rank("avg_pool", x)(wide, kernel_shape, stride=attributes.get("strides") or 1)

    return mean(x) if count_include_pad else mean(x) / mean(torch.ones_like(x))


def _batch_norm(x: Any, scale: Any, bias: Any, mean: Any, variance: Any, epsilon: float, **_: Any) -> Any:
    """torch's own does not differentiate by the statistics."""
    scale, bias, mean, variance = (t.reshape(-1, *(1,) * (x.ndim - 2)) for t in (scale, bias, mean, variance))
    return (x - mean) / torch.sqrt(variance + epsilon) * scale + bias


def _repeated(x: Any, roi: None, scales: None, sizes: Any, axes: tuple[int, ...], **attributes: Any) -> Any:
    for axis, size in zip(axes, sizes.tolist(), strict=True):
        x = torch.repeat_interleave(x, size // x.shape[axis], dim=axis)
    return x


TORCH: Final[dict[str, Callable[..., Any]]] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "And": torch.logical_and,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Ceil": torch.ceil,
    "Clip": lambda x, low=None, high=None: x if low is None and high is None else torch.clamp(x, low, high),
    "Concat": lambda *arrays, axis: torch.cat(arrays, axis),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Cos": torch.cos,
    "CumSum": _cumulative,
    "Div": lambda a, b: torch.div(a, b, rounding_mode=None if a.dtype.is_floating_point else "trunc"),
    "Elu": functional.elu,
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Expand": lambda x, shape: x.expand(*np.broadcast_shapes(tuple(x.shape), tuple(shape.tolist()))),
    "Flatten": lambda x, axis: x.reshape(int(np.prod(x.shape[:axis])), -1),
    "Floor": torch.floor,
    "FusedMatMul": _fused,
    "GatedAdd": lambda x, y, gate: torch.addcmul(x, y, gate),
    "Gelu": functional.gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda x: _by_rank("adaptive_avg_pool", x)(x, 1),
    "GlobalMaxPool": lambda x: _by_rank("adaptive_max_pool", x)(x, 1),
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "HardSigmoid": lambda x, alpha, beta: torch.clamp(alpha * x + beta, 0, 1),
    "Identity": lambda x: x.clone(),
    "IsNaN": torch.isnan,
    "LayerNormalization": lambda x, scale, bias=None, **attributes: _layer_norm(x, scale, bias, **attributes),
    "LeakyRelu": lambda x, alpha: functional.leaky_relu(x, alpha),
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "LRN": lambda x, size, alpha, beta, bias: functional.local_response_norm(x, size, alpha, beta, bias),
    "Log": torch.log,
    "LogSoftmax": lambda x, axis: functional.log_softmax(x, axis),
    "MatMul": torch.matmul,
    "Max": _folded(torch.maximum),
    "MaxPool": _max_pool,
    "Min": _folded(torch.minimum),
    "Mod": lambda a, b, fmod: torch.fmod(a, b) if fmod else torch.remainder(a, b),
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Or": torch.logical_or,
    "PRelu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "Pow": torch.pow,
    "Reciprocal": torch.reciprocal,
    "ReduceL1": _reduced(lambda x, dims, keep: torch.linalg.vector_norm(x, 1, dims, keep)),
    "ReduceL2": _reduced(lambda x, dims, keep: torch.linalg.vector_norm(x, 2, dims, keep)),
    "ReduceLogSum": _reduced(lambda x, dims, keep: x.sum(dims, keep).log()),
    "ReduceLogSumExp": _reduced(torch.logsumexp),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceMin": _reduced(torch.amin),
    "ReduceProd": _reduced(_product),
    "ReduceSum": _reduced(lambda x, dims, keep: torch.sum(x, dims, keep, dtype=x.dtype)),
    "ReduceSumSquare": _reduced(lambda x, dims, keep: (x * x).sum(dims, keep)),
    "Relu": functional.relu,
    "Resize": _repeated,
    "Round": torch.round,
    "Selu": lambda x, alpha, gamma: gamma * functional.elu(x, alpha),
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Softmax": lambda x, axis: functional.softmax(x, axis),
    "Softplus": functional.softplus,
    "Softsign": functional.softsign,
    "Sqrt": torch.sqrt,
    "Sub": torch.sub,
    "Sum": _folded(torch.add),
    "Tanh": torch.tanh,
    "ThresholdedRelu": lambda x, alpha: functional.threshold(x, alpha, 0.0),
    "Transpose": lambda x, perm=None: x.permute(*(perm or reversed(range(x.ndim)))),
    "Tile": lambda x, repeats: x.tile(tuple(repeats.tolist())),
    "Trilu": lambda x, k=None, upper=1: (torch.triu if upper else torch.tril)(x, 0 if k is None else int(k)),
    "Where": torch.where,
    "Xor": torch.logical_xor,
}
"""Operator -> a torch function of its inputs and attributes."""

CASES = [case for case in contract.all_cases() if case.operator.name in TORCH]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_torch(case: Case) -> None:
    compare_with_torch(case)


def compare_with_torch(case: Case) -> None:
    """Values and gradients of a case equal those of its counterpart, for the same dy."""
    built = contract.build(case, DType.float64)
    node = built.outputs[0].node
    assert node is not None
    tensors = [
        _tensor(case.sample.inputs[i], value, value in built.differentiable) for i, value in enumerate(built.inputs)
    ]
    result = TORCH[case.operator.name](*tensors, **node.attributes)
    results = result if isinstance(result, tuple) else (result,)
    counterparts = [(y, t) for y, t in zip(built.outputs, results, strict=True) if t is not None]
    values = reference([y for y, _ in counterparts], list(built.feeds))(built.feeds)
    for value, (_, tensor) in zip(values, counterparts, strict=True):
        np.testing.assert_allclose(value, tensor.detach().numpy(), rtol=1e-12, atol=1e-14, strict=True)
    if not built.float_outputs or contract.is_refused(built):
        return
    a = contract.adjoint(built, [y for y, _ in counterparts])
    objective = sum((t * torch.tensor(a.feeds[dy])).sum() for (_, t), dy in zip(counterparts, a.dys, strict=True))
    parameters = [t for t in tensors if t is not None and t.requires_grad]
    if parameters and objective.requires_grad:
        objective.backward()
    present = [gradient for gradient in a.gradients if gradient is not None]
    ours = iter(reference(present, list(a.feeds))(a.feeds) if present else [])
    for gradient, leaf in zip(a.gradients, parameters, strict=True):
        have = np.zeros(leaf.shape) if gradient is None else next(ours)
        want = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_allclose(have, want, rtol=1e-11, atol=1e-13, strict=True)


def _tensor(array: Array | None, value: Value | None, differentiable: bool) -> Any:
    if array is None or value is None:
        return None
    tensor = torch.tensor(array.copy())
    return tensor.to(torch.float64).requires_grad_(differentiable) if value.dtype.is_float else tensor


_KINKS = np.array([[0.0, 1.0, 1.0], [-1.0, 0.0, 2.0]])

AT_KINKS: Final[dict[str, Sample]] = {
    "Abs": Sample((_KINKS,)),
    "Relu": Sample((_KINKS,)),
    "LeakyRelu": Sample((_KINKS,), {"alpha": 0.3}),
    "Elu": Sample((_KINKS,), {"alpha": 0.7}),
    "Clip": Sample((_KINKS, np.array(0.0), np.array(1.0)), differentiable=(0,)),
    "ThresholdedRelu": Sample((_KINKS,), {"alpha": 1.0}),
    "Max": Sample((_KINKS, np.array([[0.0, 2.0, 1.0], [0.5, 0.0, 1.0]]))),
    "Min": Sample((_KINKS, np.array([[0.0, 2.0, 1.0], [0.5, 0.0, 1.0]]))),
    "ReduceMax": Sample((_KINKS, np.array([1]))),
    "ReduceMin": Sample((_KINKS.round(), np.array([0, 1]))),
    "ReduceL2": Sample((np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([1]))),
    "ReduceL1": Sample((_KINKS, np.array([1]))),
    "ReduceProd": Sample((np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.5], [2.0, 4.0, 1.5]]), np.array([1]))),
    "Pow": Sample((np.array([0.0, 0.0, 0.0, 2.0]), np.array([2.0, 1.0, 0.0, 0.0]))),
}

_TIES = np.random.default_rng(0).integers(0, 2, (2, 3, 7, 6)).astype(np.float64)
"""Most windows have several maxima."""

TIES: Final[dict[str, tuple[str, Sample]]] = {
    "disjoint windows": ("MaxPool", Sample((_TIES,), {"kernel_shape": (2, 2), "strides": (2, 2)})),
    "disjoint windows of three": ("MaxPool", Sample((_TIES,), {"kernel_shape": (3, 2), "strides": (3, 2)})),
    "overlapping windows": ("MaxPool", Sample((_TIES,), {"kernel_shape": (3, 3)})),
    "overlapping with padding": (
        "MaxPool",
        Sample((_TIES,), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}),
    ),
    "uneven padding": ("MaxPool", Sample((_TIES,), {"kernel_shape": (2, 3), "strides": (2, 1), "pads": (0, 1, 1, 2)})),
    "all equal": ("MaxPool", Sample((_TIES * 0,), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)})),
    "dilated": ("MaxPool", Sample((_TIES,), {"kernel_shape": (2, 2), "dilations": (2, 3), "strides": (1, 2)})),
    "one axis": ("MaxPool", Sample((_TIES[0],), {"kernel_shape": (3,), "strides": (2,), "pads": (1, 0)})),
    "whole images": ("GlobalMaxPool", Sample((_TIES,))),
}


@pytest.mark.parametrize("name", TIES)
def test_torch_at_ties_of_pooling(name: str) -> None:
    """The first maximum takes the gradient."""
    operator, sample = TIES[name]
    outputs = 2 if operator == "MaxPool" else 1
    compare_with_torch(Case(find(operator), dataclasses.replace(sample, outputs=outputs), 0))


@pytest.mark.parametrize("name", AT_KINKS)
def test_torch_at_kinks(name: str) -> None:
    compare_with_torch(Case(find(name), AT_KINKS[name], 0))
