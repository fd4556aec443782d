"""Mixed precision: which operators compute in half, as a rewrite of the forward network and one of what training makes.

Layers, losses, gradient rules and optimizers are written for float32 and know nothing of this. Two stages do it:

`in_half`    before differentiation: products, and what is done to their results element by element, in half;
             everything else in float32. Parameters stay float32 and are cast once where a product reads them, so the
             rules of `Cast` bring their gradients back to float32.
`supported`  after differentiation: what the gradient rules made of it in half is put back into float32 where it sums,
             or where ONNX Runtime's CUDA provider has no kernel for the dtype.

The policy is close to that of `torch.autocast`; docs/adr/0012-half-precision.md says where it differs. The tables hold
for opset 21; a test compares them with the kernels that ONNX Runtime registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from .ir import DType, Graph, Node, Value, constant, reachable
from .ir.rewrite import rebuild, rewrite
from .ir.value import Scope, _scope
from .ops.cast import cast

PRODUCTS: Final = frozenset({"Conv", "ConvTranspose", "FusedMatMul", "Gemm", "MatMul"})
"""Always in half: what tensor cores are for."""

FOLLOWING: Final = frozenset(
    {
        *("Abs", "Add", "Div", "Max", "Min", "Mul", "Neg", "Sign", "Sub", "Sum", "Where"),
        *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Clip"),
        *("Elu", "Erf", "Gelu", "HardSigmoid", "LeakyRelu", "PRelu", "Relu", "Selu", "Sigmoid", "Softsign", "Tanh"),
        "ThresholdedRelu",
        *("AveragePool", "MaxPool"),
        *("Concat", "ConstantOfShape", "Expand", "Flatten", "Identity", "Pad", "Reshape", "Shape", "Slice", "Split"),
        *("Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze"),
    }
)
"""In half where an input is, and no input is data in float32. Every operator that is in neither table computes in
float32: exponentials, logarithms and powers, softmax, normalization, reductions, and what picks elements by index,
since its gradient sums."""

FLOAT16_ONLY: Final = frozenset(
    {
        *("Conv", "ConvTranspose"),
        *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Clip"),
        *("Elu", "HardSigmoid", "LeakyRelu", "PRelu", "Selu", "Softsign", "ThresholdedRelu"),
        *("AveragePool", "MaxPool", "Pad"),
    }
)
"""Those without a CUDA kernel for bfloat16 in opset 21."""

_MOVES: Final = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""What only moves elements: casting before it is the same as after it, and leaves nothing between a transpose and the
product that reads it, so that both become one `Gemm`."""


def computes_in(op_type: str, dtype: DType) -> bool:
    """Whether the policy lets an operator compute in float16 or bfloat16."""
    return op_type in PRODUCTS | FOLLOWING and (dtype is DType.float16 or op_type not in FLOAT16_ONLY)


def in_half(values: Sequence[Value], free: Iterable[Value], dtype: DType) -> list[Value]:
    """The same computation with its products in `dtype`, each of the `values` in the dtype that it had.

    free: the graph inputs that are no data: parameters and the random counter. What is made of these alone (a bias, a
    transposed weight, a mask) has no precision of its own: it is cast to that of what it meets. Features and statistics
    of the data have float32, and what meets them computes in it.
    """
    stage = _Forward(free, dtype)
    for node in reachable(values):
        stage.add(node)
    return [stage.wide(value) for value in values]


class _Forward:
    """Original value -> the same in half, in its own dtype, or both. What is missing is cast when it is asked for.

    `computed` are those that were computed in half, not cast to it.
    """

    def __init__(self, free: Iterable[Value], dtype: DType) -> None:
        self.dtype = dtype
        self.free = set(free)
        self.computed: set[Value] = set()
        self.halves: dict[Value, Value] = {}
        self.wides: dict[Value, Value] = {}

    def add(self, node: Node) -> None:
        token = _scope.set(Scope(node.scope, node.origin))
        try:
            self._add(node)
        finally:
            _scope.reset(token)

    def _add(self, node: Node) -> None:
        if self._follows_nothing(node):
            self.free.update(node.outputs)
        chosen = self.half if self._computes_in_half(node) else self.wide
        inputs = tuple(None if value is None else chosen(value) for value in node.inputs)
        made = node.outputs if inputs == node.inputs else rebuild(node, inputs)
        for old, new in zip(node.outputs, made, strict=True):
            if new.dtype is old.dtype:
                self.wides[old] = new
            else:
                self.halves[old] = new
                self.computed.add(old)

    def _follows_nothing(self, node: Node) -> bool:
        """Whether no data is in its outputs: a shape holds none."""
        if node.op_type in PRODUCTS:
            return False
        return node.op_type in ("Shape", "Size") or all(value in self.free for value in node.given_inputs)

    def _computes_in_half(self, node: Node) -> bool:
        floats = [value for value in node.given_inputs if value.dtype.is_float]
        if not computes_in(node.op_type, self.dtype) or any(value.dtype is not DType.float32 for value in floats):
            return False
        if node.op_type in PRODUCTS:
            return True
        fitting = [value for value in floats if value in self.free and self._fits(value)]
        following = [value for value in floats if value in self.computed]
        return bool(following) and len(following) + len(fitting) == len(floats)

    def _fits(self, value: Value) -> bool:
        """Whether a constant, or a choice of constants, keeps its digits in half: neither too large (a mask's -1e9) nor
        too small (an epsilon)."""
        if value.node is not None and value.node.op_type == "Where":
            return all(self._fits(choice) for choice in value.node.given_inputs[1:])
        if value.constant is None or self.dtype is DType.bfloat16:
            return True
        limits = np.finfo(np.float16)
        size = np.abs(value.constant[np.isfinite(value.constant)])
        return bool(np.all((size == 0) | ((size >= limits.smallest_normal) & (size <= limits.max))))

    def wide(self, value: Value) -> Value:
        """The value in its own dtype."""
        if value not in self.wides and value in self.computed:
            self.wides[value] = _cast(self.halves[value], value.dtype)
        return self.wides.get(value, value)  # never what was cast to half for another reader

    def half(self, value: Value) -> Value:
        """A float32 value in half; any other as it is."""
        if value.dtype is not DType.float32:
            return self.wide(value)
        if value not in self.halves:
            self.halves[value] = self._halved(value)
        return self.halves[value]

    def _halved(self, value: Value) -> Value:
        if value.constant is not None:
            return constant(value.constant, self.dtype)
        node = value.node
        if node is not None and value in self.free and node.op_type in _MOVES:
            (source, *others) = node.inputs
            assert source is not None
            return rebuild(node, (self.half(source), *others))[0]
        return _cast(self.wide(value), self.dtype)


def supported(values: Mapping[str, Value], dtype: DType) -> dict[str, Value]:
    """The same values with every node that computes in `dtype` against the policy computing in float32.

    A result that was rounded to half only to be cast back is taken before rounding: the sum over the batch that is the
    gradient of a bias never passes through half.
    """
    exact: dict[Value, Value] = {}

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        if node.op_type == "Cast":
            unrounded = exact.get(inputs[0]) if inputs[0] is not None else None
            return [unrounded] if unrounded is not None and unrounded.type == node.outputs[0].type else None
        touched = any(value.dtype is dtype for value in (*node.given_inputs, *node.outputs))
        if node.op_type == "Constant" or not touched or computes_in(node.op_type, dtype):
            return None
        widened = tuple(value if value is None or value.dtype is not dtype else _widened(value) for value in inputs)
        results = []
        for made, old in zip(rebuild(node, widened), node.outputs, strict=True):
            results.append(cast(made, old.dtype))
            if made.dtype is not old.dtype:
                exact[results[-1]] = made
        return results

    def _widened(value: Value) -> Value:
        return exact.get(value) or _cast(value, DType.float32)

    rewritten, _ = rewrite(Graph("half", (), values), replace)
    return dict(rewritten.outputs)


def _cast(value: Value, dtype: DType) -> Value:
    """A cast that is named after the value and belongs to its place."""
    where = Scope(value.name, value.origin) if value.node is None else Scope(value.node.scope, value.origin)
    token = _scope.set(where)
    try:
        return cast(value, dtype)
    finally:
        _scope.reset(token)
