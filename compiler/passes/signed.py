"""Lowering for ONNX Runtime 1.19, whose CPU kernels know int64 but hardly uint64: the same bits as signed numbers.

Random masks are drawn in wrapping uint64 arithmetic (see `random`). In two's complement addition and multiplication of
signed numbers give the same bits, so only division and comparison need another form. A graph that goes through here
gives the numbers of the one it came from, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from ..errors import BuildError
from ..ir import DType, Graph, Node, Value, constant, find, op
from ..ir.operator import apply_record
from ..ir.rewrite import rewrite

SMALLEST: Final = -(2**63)

_SAME_BITS: Final = frozenset(
    [
        "Add",
        "Sub",
        "Mul",
        "Equal",
        "Where",
        "Identity",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Expand",
        "Concat",
        "Gather",
        "Slice",
        "Transpose",
    ]
)
_ORDERED: Final = frozenset(["Less", "LessOrEqual", "Greater", "GreaterOrEqual"])


def use_signed_integers(graph: Graph) -> tuple[Graph, bool]:
    """Replace uint64 by int64 throughout, keeping every bit.

    Raises BuildError, naming the layer, where uint64 meets an operator that has no such form.
    """

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> list[Value] | None:
        if not _is_unsigned(node):
            return None
        lower = _RULES.get(node.op_type)
        if lower is None:
            raise _refusal(node, f"compute {node.op_type} of unsigned 64-bit integers")
        return [lower(node, [value for value in inputs if value is not None])]

    return rewrite(graph, replace)


def _is_unsigned(node: Node) -> bool:
    """Whether a node, or one of the bodies in it, reads or makes uint64."""
    if any(value.dtype is DType.uint64 for value in (*node.given_inputs, *node.outputs)):
        return True
    bodies = [body for body in node.attributes.values() if isinstance(body, Graph)]
    return any(_is_unsigned(inner) for body in bodies for inner in body.nodes())


def _constant(node: Node, inputs: list[Value]) -> Value:
    del inputs
    array = node.outputs[0].constant
    assert array is not None
    return constant(array.astype(np.int64))  # wraps


def _cast(node: Node, inputs: list[Value]) -> Value:
    (x,) = inputs
    if x.dtype is DType.uint64:  # an input of the graph, which keeps its type
        to = DType.int64 if node.outputs[0].dtype is DType.uint64 else node.outputs[0].dtype
        return op.Cast(x, to=to.code)
    if node.outputs[0].dtype is DType.uint64:
        return x if x.dtype is DType.int64 else op.Cast(x, to=DType.int64.code)
    if node.outputs[0].dtype is DType.int64:
        return x
    raise _refusal(node, f"convert unsigned 64-bit integers to {node.outputs[0].dtype}")


def _refusal(node: Node, what: str) -> BuildError:
    name = f"'{node.scope}': " if node.scope else ""
    return BuildError(f"{name}ONNX Runtime 1.19 cannot {what}")


def _divide(node: Node, inputs: list[Value]) -> Value:
    """x / 2^k as a logical shift. Signed division rounds toward 0, so the remainder that `Mod` gives, which has the
    sign of the divisor, is taken off first; negative numbers lack 2^(64−k)."""
    x, divisor = inputs
    by = 0 if divisor.constant is None or divisor.constant.size != 1 else int(divisor.constant.reshape(()))
    if by < 2 or by & (by - 1):  # 1 is never left by the passes before
        raise _refusal(node, "divide unsigned 64-bit integers by anything but a power of two below 2^63")
    floor = (x - op.Mod(x, divisor)) / divisor
    lacking = constant(np.int64(2**64 // by - (2**64 if by == 2 else 0)))
    return floor + op.Cast(op.Less(x, 0), to=DType.int64.code) * lacking


def _compare(node: Node, inputs: list[Value]) -> Value:
    """The order of unsigned numbers is that of signed ones once 2^63 is added to both."""
    a, b = (_shifted(value) for value in inputs)
    return apply_record(find(node.op_type), (a, b), {})[0]


def _shifted(value: Value) -> Value:
    array = value.constant
    if array is not None:
        return constant(array ^ np.int64(SMALLEST))
    return value + constant(np.int64(SMALLEST))


def _same(node: Node, inputs: list[Value]) -> Value:
    return apply_record(find(node.op_type, node.domain), tuple(inputs), node.attributes)[0]


_RULES: Final[Mapping[str, Callable[[Node, list[Value]], Value]]] = {
    "Constant": _constant,
    "Cast": _cast,
    "Div": _divide,
    **dict.fromkeys(_ORDERED, _compare),
    **dict.fromkeys(_SAME_BITS, _same),
}
