"""Lowering for the target `ort`: contrib operators that ONNX Runtime's CPU and CUDA providers both have.

A bundle for this target runs on ONNX Runtime alone; the default target never meets this pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..ir import Graph, Node, Value
from ..ir.rewrite import rewrite
from ..ops.matmul import CONTRIB, fused_matmul
from ..ops.shapes import permutation


def use_contrib(graph: Graph) -> tuple[Graph, bool]:
    """Batched products take transposes of their matrices, and a constant factor of the product, into `FusedMatMul`.

    Plain matrices are left to `Gemm`, which is as good and runs everywhere.
    """
    uses = Counter(value for node in graph.nodes() for value in node.given_inputs)
    uses.update(graph.outputs.values())

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        value = None
        if node.op_type in ("MatMul", "FusedMatMul"):
            value = _absorb_transposes(node, inputs)
        elif node.op_type == "Mul":
            value = _absorb_factor(node, inputs, uses)
        return None if value is None else [value]

    return rewrite(graph, replace)


def _absorb_transposes(node: Node, inputs: tuple[Value | None, ...]) -> Value | None:
    a, b = inputs
    assert a is not None
    assert b is not None
    if node.outputs[0].rank <= 2 or min(a.rank, b.rank) < 2:
        return None
    plain_a, plain_b = _untransposed(a), _untransposed(b)
    if plain_a is None and plain_b is None:
        return None
    fused = node.domain == CONTRIB
    return fused_matmul(
        plain_a or a,
        plain_b or b,
        alpha=node.attribute("alpha") if fused else 1.0,
        transA=(node.attribute("transA") if fused else 0) ^ int(plain_a is not None),
        transB=(node.attribute("transB") if fused else 0) ^ int(plain_b is not None),
    )


def _untransposed(value: Value) -> Value | None:
    """The value before its last two axes, and no others, were exchanged."""
    node = value.node
    if node is None or node.op_type != "Transpose" or value.rank < 2:
        return None
    axes = list(range(value.rank))
    axes[-1], axes[-2] = axes[-2], axes[-1]
    return node.inputs[0] if permutation(node) == tuple(axes) else None


def _absorb_factor(node: Node, inputs: tuple[Value | None, ...], uses: Counter[Value]) -> Value | None:
    """c · (A·B) for a constant scalar c, when nobody else reads the product."""
    for index in (0, 1):
        product, factor, old = inputs[index], inputs[1 - index], node.inputs[index]
        if product is None or factor is None or old is None or product.node is None:
            continue
        array, made = factor.constant, product.node
        if array is None or array.size != 1 or uses[old] != 1 or product.type != node.outputs[0].type:
            continue
        if made.op_type not in ("MatMul", "FusedMatMul") or product.rank <= 2:
            continue
        a, b = made.inputs
        if a is None or b is None or min(a.rank, b.rank) < 2:
            continue
        alpha = float(array.reshape(()))
        if made.domain != CONTRIB:
            return fused_matmul(a, b, alpha=alpha)
        return fused_matmul(
            a,
            b,
            alpha=alpha * made.attribute("alpha"),
            transA=made.attribute("transA"),
            transB=made.attribute("transB"),
        )
    return None
