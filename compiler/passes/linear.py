"""Linear maps as `Gemm`: one call computes x·W + b over flattened rows, and transposes cost nothing.

A batched product with a two-dimensional matrix is flattened first: (batch, time, features)·W runs as one large
product. In a naive language model explicit transposes and batched products took half of the time (docs/adr/0002).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..ir import Graph, Node, Value, constant, op
from ..ir.dims import SymbolicDim
from ..ir.rewrite import rewrite
from ..ops.matmul import transpose_last
from ..ops.shapes import permutation


def use_gemm(graph: Graph) -> tuple[Graph, bool]:
    """Flatten batched products with a matrix, and absorb transposes and bias additions into `Gemm`."""
    uses = Counter(value for node in graph.nodes() for value in node.given_inputs)
    uses.update(graph.outputs.values())

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        if node.domain:
            return None
        if node.op_type == "MatMul":
            value = _flattened(node, inputs) or _product_of_transposes(inputs)
        elif node.op_type == "Gemm":
            value = _gemm_of_transposes(node, inputs)
        elif node.op_type == "Transpose":
            value = _transposed_product(node, inputs, uses)
        else:
            value = _bias(node, inputs, uses) or _bias_of_rows(node, inputs, uses)
        return None if value is None else [value]

    return rewrite(graph, replace, only=("MatMul", "Gemm", "Add", "Transpose"))


def _flattened(node: Node, inputs: tuple[Value | None, ...]) -> Value | None:
    """(…, k)·(k, n) as one product of rows."""
    x, w = inputs
    if x is None or w is None or x.rank <= 2 or w.rank != 2:
        return None
    rows = op.Reshape(x, constant(np.array([-1, w.shape[0]]))) if isinstance(w.shape[0], int) else None
    if rows is None:
        return None
    return op.Reshape(op.MatMul(rows, w), _target(node.outputs[0], x, w))


def _target(result: Value, x: Value, w: Value) -> Value:
    """The shape of the product before flattening: a constant while at most one dimension is symbolic."""
    symbolic = [dim for dim in result.shape if isinstance(dim, SymbolicDim)]
    if len(symbolic) <= 1:
        return constant(np.array([dim if isinstance(dim, int) else -1 for dim in result.shape]))
    columns = constant(np.array([w.shape[1]])) if isinstance(w.shape[1], int) else op.Shape(w, start=1)
    return op.Concat(op.Shape(x, start=0, end=x.rank - 1), columns, axis=0)


def _transposed(value: Value) -> Value | None:
    """X when the value is the transpose of a matrix X."""
    node = value.node
    if node is None or node.op_type != "Transpose" or permutation(node) != (1, 0):
        return None
    return node.inputs[0]


def _product_of_transposes(inputs: tuple[Value | None, ...]) -> Value | None:
    a, b = inputs
    if a is None or b is None or a.rank != 2 or b.rank != 2:
        return None
    plain_a, plain_b = _transposed(a), _transposed(b)
    if plain_a is None and plain_b is None:
        return None
    return op.Gemm(plain_a or a, plain_b or b, transA=int(plain_a is not None), transB=int(plain_b is not None))


def _transposed_product(node: Node, inputs: tuple[Value | None, ...], uses: Counter[Value]) -> Value | None:
    """(Aᵀ·B)ᵀ = Bᵀ·A for batches of matrices: ONNX Runtime takes the transpose that is left into the product."""
    product, old = inputs[0], node.inputs[0]
    if product is None or old is None or uses[old] != 1 or product.rank < 3 or not _exchanges_last(node):
        return None
    made = product.node
    if made is None or made.op_type != "MatMul" or made.domain:
        return None
    a, b = made.given_inputs
    if a.node is None or a.node.op_type != "Transpose" or not _exchanges_last(a.node) or a.rank != b.rank:
        return None
    return transpose_last(b) @ a.node.given_inputs[0]


def _exchanges_last(transpose: Node) -> bool:
    rank = transpose.outputs[0].rank
    return permutation(transpose) == (*range(rank - 2), rank - 1, rank - 2)


def _gemm_of_transposes(node: Node, inputs: tuple[Value | None, ...]) -> Value | None:
    a, b = inputs[0], inputs[1]
    assert a is not None
    assert b is not None
    plain_a, plain_b = _transposed(a), _transposed(b)
    if plain_a is None and plain_b is None:
        return None
    attributes = dict(node.attributes)
    attributes["transA"] = node.attribute("transA") ^ int(plain_a is not None)
    attributes["transB"] = node.attribute("transB") ^ int(plain_b is not None)
    return op.Gemm(plain_a or a, plain_b or b, *inputs[2:], **attributes)


def _bias(node: Node, inputs: tuple[Value | None, ...], uses: Counter[Value]) -> Value | None:
    """X·W + β·c as one Gemm, when nobody else reads the product and c does not widen it.

    With a slot as c this is the momentum of an optimizer, added up while the gradient is made.
    """
    for index in (0, 1):
        product, c = inputs[index], inputs[1 - index]
        old = node.inputs[index]
        if product is None or c is None or product.node is None or product.type != node.outputs[0].type:
            continue
        made = product.node
        if old is None or uses[old] != 1 or made.domain or c.rank > 2 or product.rank != 2:
            continue
        if made.op_type == "MatMul" or (made.op_type == "Gemm" and len(made.inputs) == 2):
            c, beta = _scaled(c)
            return op.Gemm(*made.inputs, c, **{**made.attributes, "beta": beta})
    return None


def _scaled(c: Value) -> tuple[Value, float]:
    """c = x · β for a constant scalar β, of which Gemm's third input needs only x; else c and 1."""
    node = c.node
    if node is not None and node.op_type == "Mul" and not node.domain:
        for x, beta in ((node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])):
            assert x is not None
            assert beta is not None
            if beta.constant is not None and beta.constant.size == 1 and x.shape == c.shape:
                return x, float(beta.constant.reshape(()))
    return c, 1.0


def _bias_of_rows(node: Node, inputs: tuple[Value | None, ...], uses: Counter[Value]) -> Value | None:
    """A vector added to a product of rows that was given back its axes: added to the rows, by `Gemm`."""
    for index in (0, 1):
        shaped, c, old = inputs[index], inputs[1 - index], node.inputs[index]
        if shaped is None or c is None or old is None or c.rank != 1 or shaped.type != node.outputs[0].type:
            continue
        made = shaped.node
        rows = made.given_inputs[0] if made is not None and made.op_type == "Reshape" else None
        if made is None or rows is None or rows.node is None or rows.rank != 2 or rows.shape[-1] != shaped.shape[-1]:
            continue
        old_rows = old.node.given_inputs[0] if old.node is not None and old.node.op_type == "Reshape" else None
        if rows.node.op_type != "MatMul" or uses[old] != 1 or old_rows is None or uses[old_rows] != 1:
            continue
        return op.Reshape(op.Gemm(*rows.node.inputs, c), made.inputs[1])
    return None
