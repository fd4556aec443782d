"""Shapes as tensors: what an int64 tensor says about dimensions, and int64 tensors that say given dimensions.

Operators such as `Reshape` and `Slice` take sizes as inputs. Inference reads them through `dims_of`, which follows
constants, `Shape` and the few operators that shape arithmetic is made of. Gradient rules write them by `shape_value`:
a constant when the sizes are known, else arithmetic on `Shape`, which ONNX Runtime folds to a constant once a session
fixes the symbolic dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from ..errors import InternalError
from ..ir import Dim, Node, Shape, SymbolicDim, Value, constant, divide_exactly, is_static, op, product, symbol

_SAME_NUMBERS: Final = frozenset({"Identity", "Squeeze", "Unsqueeze", "Reshape", "Cast"})


def dims_of(value: Value) -> Shape | None:
    """The numbers in an integer scalar or vector as dimensions, or None when they are not known when compiling."""
    if value.rank > 1 or not value.dtype.is_integer:
        return None
    if value.constant is not None:
        return tuple(int(number) for number in value.constant.reshape(-1))
    node = value.node
    if node is None or node.domain:
        return None
    if node.op_type in ("Shape", "Size"):
        return _measured(node)
    if node.op_type in _ARITHMETIC:
        return _arithmetic(node, _ARITHMETIC[node.op_type])
    if node.op_type == "Concat":
        return _joined(node)
    source = dims_of(node.given_inputs[0]) if node.given_inputs else None
    if source is None:
        return None
    if node.op_type in _SAME_NUMBERS:
        return source
    if node.op_type == "Gather":
        return _picked(node, source)
    if node.op_type == "Slice":
        return _cut(node, source)
    return (product(source),) if node.op_type == "ReduceProd" else None


def _measured(node: Node) -> Shape:
    shape = node.given_inputs[0].shape
    if node.op_type == "Size":
        return (product(shape),)
    return shape[node.attribute("start") : node.optional_attribute("end")]


def _arithmetic(node: Node, function: Callable[[Dim, Dim], Dim | None]) -> Shape | None:
    a, b = (dims_of(value) for value in node.given_inputs)
    if a is None or b is None:
        return None
    if 1 in (len(a), len(b)):
        length = max(len(a), len(b))
        a, b = (dims * length if len(dims) == 1 else dims for dims in (a, b))
    results = [function(x, y) for x, y in zip(a, b, strict=True)]
    return tuple(dim for dim in results if dim is not None) if None not in results else None


_ARITHMETIC: Final[dict[str, Callable[[Dim, Dim], Dim | None]]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": divide_exactly,
}


def _joined(node: Node) -> Shape | None:
    parts = [dims_of(part) for part in node.given_inputs]
    return None if None in parts else tuple(dim for part in parts if part is not None for dim in part)


def _picked(node: Node, source: Shape) -> Shape | None:
    indices = node.given_inputs[1].constant
    return None if indices is None else tuple(source[int(index)] for index in indices.reshape(-1))


def _cut(node: Node, source: Shape) -> Shape | None:
    given = [None if value is None else value.constant for value in (*node.inputs[1:], None, None)]
    starts, ends, _, steps = given[:4]
    if starts is None or ends is None or (len(node.inputs) > 4 and steps is None):
        return None
    start, end, step = int(starts[0]), int(ends[0]), 1 if steps is None else int(steps[0])
    return source[start : None if step < 0 and end < -len(source) else end : step]


def shape_value(shape: Sequence[Dim], *sources: Value) -> Value:
    """An int64 vector of the dimensions `shape`, whose symbols are measured on `sources`.

    Raises InternalError when a symbol is no axis of any source.
    """
    if is_static(shape):
        return constant(np.array(shape, dtype=np.int64))
    for source in sources:
        if source.shape == tuple(shape):
            return op.Shape(source)
    parts: list[Value] = []
    numbers: list[int] = []
    for dim in shape:
        if isinstance(dim, int):
            numbers.append(dim)
            continue
        if numbers:
            parts.append(constant(np.array(numbers, dtype=np.int64)))
            numbers = []
        parts.append(_dim_value(dim, sources))
    if numbers:
        parts.append(constant(np.array(numbers, dtype=np.int64)))
    return parts[0] if len(parts) == 1 else op.Concat(*parts, axis=0)


def _dim_value(dim: SymbolicDim, sources: Sequence[Value]) -> Value:
    """A vector of one number: an axis, an axis plus a constant, or the polynomial written out."""
    near: Value | None = None
    for source in sources:
        for axis, have in enumerate(source.shape):
            difference = dim - have
            if difference == 0:
                return op.Shape(source, start=axis, end=axis + 1)
            if near is None and isinstance(difference, int):
                near = op.Shape(source, start=axis, end=axis + 1) + constant(np.array([difference]))
    if near is not None:
        return near
    if any(_axis(symbol(name), sources) is None for name in dim.symbols) and (split := _as_product(dim, sources)):
        return split
    total: Value | None = None
    for monomial, coefficient in dim.terms:
        term = _term_value(dim, monomial, coefficient, sources)
        total = term if total is None else total + term
    assert total is not None
    return total


def _as_product(dim: SymbolicDim, sources: Sequence[Value]) -> Value | None:
    """`2*batch*time` where `time` is no axis, but `batch` and `2*time` are; None when there is no such pair."""
    for source in sources:
        for axis, have in enumerate(source.shape):
            rest = divide_exactly(dim, have) if isinstance(have, SymbolicDim) else None
            factor = constant(np.array([rest], dtype=np.int64)) if isinstance(rest, int) else _axis(rest, sources)
            if factor is not None:
                return factor * op.Shape(source, start=axis, end=axis + 1)
    return None


def _axis(dim: Dim | None, sources: Sequence[Value]) -> Value | None:
    """A vector of one number, the size of the first axis of this dimension; None when none has it."""
    found = ((source, axis) for source in sources for axis, have in enumerate(source.shape) if have == dim)
    source, axis = next(found, (None, 0))
    return None if source is None else op.Shape(source, start=axis, end=axis + 1)


def _term_value(dim: SymbolicDim, monomial: Sequence[str], coefficient: int, sources: Sequence[Value]) -> Value:
    factors = [constant(np.array([coefficient], dtype=np.int64))] if coefficient != 1 or not monomial else []
    for name in monomial:
        size = _axis(symbol(name), sources)
        if size is None:
            measured = ", ".join(repr(source) for source in sources) or "nothing"
            raise InternalError(f"the dimension {dim} needs '{name}', which is no axis of {measured}")
        factors.append(size)
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result
