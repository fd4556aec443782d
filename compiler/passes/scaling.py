"""Scaling and shifting of channels go into the weights before them: batch normalization costs nothing at inference.

Conv(x, W, b)·s + t is Conv(x, W·s, b·s + t), and so for a transposed convolution and a dense layer. The products of
weights are nodes over weights alone, so ONNX Runtime folds them to constants when it loads a model that holds the
weights, and the initializers keep the names and the meaning of the state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..ir import Graph, Node, Value, is_static, op
from ..ir.rewrite import rewrite
from ..ops.shapes import reshape


def fold_scaling(graph: Graph) -> tuple[Graph, bool]:
    """Take `Mul`, `Add` and `Sub` by values that no example changes, one number a channel, into the layer before them.

    Only where nobody else reads that layer's output: a step that differentiates through it keeps it.
    """
    uses = Counter(value for node in graph.nodes() for value in node.given_inputs)
    uses.update(graph.outputs.values())
    varying = _varying(graph)

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        if node.domain:
            return None
        for index in (0,) if node.op_type == "Sub" else (0, 1):
            old, old_factor = node.inputs[index], node.inputs[1 - index]
            made, factor = inputs[index], inputs[1 - index]
            if old is None or made is None or factor is None or uses[old] != 1:
                continue
            if old in varying and old_factor not in varying and made.type == node.outputs[0].type:
                value = _taken(node, made, factor)
                if value is not None:
                    return [value]
        return None

    return rewrite(graph, replace, only=("Mul", "Add", "Sub"))


def _varying(graph: Graph) -> set[Value]:
    """The values that the examples of a batch change: those made from inputs with a symbolic axis."""
    varying = {value for value in graph.inputs if not is_static(value.shape)}
    for node in graph.nodes():
        if any(value in varying for value in node.given_inputs):
            varying.update(node.outputs)
    return varying


def _per_channel(value: Value, made: Value) -> int | None:
    """How many channels, when `value` has one number for each channel of `made` (axis 1) and nothing else."""
    if made.rank < 2 or value.rank > made.rank:
        return None
    shape = (*(1,) * (made.rank - value.rank), *value.shape)
    channels = made.shape[1]
    expected = tuple(channels if axis == 1 else 1 for axis in range(made.rank))
    return channels if shape == expected and isinstance(channels, int) else None


def _taken(node: Node, made: Value, operand: Value) -> Value | None:
    if node.op_type == "Mul":
        return _scaled(made, operand)
    return _shifted(made, operand, negative=node.op_type == "Sub")


def _scaled(made: Value, factor: Value) -> Value | None:
    """`made` times the factor, as the same layer with other weights."""
    node, channels = made.node, _per_channel(factor, made)
    if node is None or channels is None or not _is_linear(node):
        return None
    x, weight, *rest = node.inputs
    assert x is not None
    assert weight is not None
    scaled = weight * reshape(factor, _along_filters(node, weight, channels))
    bias = rest[0] if rest else None
    return _again(node, x, scaled, None if bias is None else bias * reshape(factor, (channels,)))


def _shifted(made: Value, shift: Value, *, negative: bool) -> Value | None:
    """`made` plus the shift (or minus it), as the same layer with another bias; `use_gemm` does it for a MatMul."""
    node, channels = made.node, _per_channel(shift, made)
    if node is None or channels is None or not _is_linear(node) or node.op_type == "MatMul":
        return None
    x, weight, *rest = node.inputs
    assert x is not None
    assert weight is not None
    bias = rest[0] if rest else None
    moved = reshape(-shift if negative else shift, (channels,))
    return _again(node, x, weight, moved if bias is None else bias + moved)


def _is_linear(node: Node) -> bool:
    """Whether axis 1 of the output are filters, each with its part of the weight and its number of the bias."""
    if node.domain:
        return False
    if node.op_type == "Gemm":
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        return node.attribute("alpha") == node.attribute("beta") == 1 and (bias is None or bias.rank == 1)
    if node.op_type == "MatMul":
        return all(value.rank == 2 for value in node.given_inputs)
    return node.op_type == "Conv" or (node.op_type == "ConvTranspose" and node.attribute("group") == 1)


def _along_filters(node: Node, weight: Value, channels: int) -> tuple[int, ...]:
    """The shape in which one number a filter broadcasts along the weight's axis of filters."""
    last = node.op_type == "MatMul" or (node.op_type == "Gemm" and not node.attribute("transB"))
    axis = weight.rank - 1 if last else 1 if node.op_type == "ConvTranspose" else 0
    return tuple(channels if at == axis else 1 for at in range(weight.rank))


def _again(node: Node, x: Value, weight: Value, bias: Value | None) -> Value:
    if node.op_type == "MatMul":
        assert bias is None
        return op.MatMul(x, weight)
    value: Value = getattr(op, node.op_type)(x, weight, bias, **node.attributes)
    return value
