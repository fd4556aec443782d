"""Reverse-mode differentiation: the adjoint of a graph is a graph in the same operators.

The rules are in the operators' records; this driver orders them, sums contributions, and sums over broadcast axes,
so that no rule has to. A value that the outputs do not depend on has no gradient: None, never a tensor of zeros.
The result is made of ordinary nodes and can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import InternalError
from .ir import (
    Backward,
    Derivative,
    Node,
    NotDifferentiable,
    Operator,
    Shape,
    Value,
    constant,
    find,
    op,
    reachable,
    shape_text,
)
from .ir.value import Scope, _scope


class NotDifferentiableError(Exception):
    """A gradient was asked for through an operator or input that has none."""


def gradients(
    outputs: Sequence[Value], wrt: Sequence[Value], output_gradients: Sequence[Value] | None = None
) -> list[Value | None]:
    """d(sum of outputs · output_gradients) / d(each of wrt), each in the shape and dtype of its value.

    `output_gradients` default to ones, which asks for scalar outputs. Raises NotDifferentiableError when the path
    from a `wrt` to an output passes an input marked NotDifferentiable.
    """
    adjoints: dict[Value, Value] = {}
    for index, output in enumerate(outputs):
        seed = constant(1.0, output.dtype) if output_gradients is None else output_gradients[index]
        if seed.shape != output.shape:
            raise InternalError(f"the gradient of {output!r} has the shape {shape_text(seed.shape)}")
        _accumulate(adjoints, output, seed)

    nodes = reachable(outputs)
    active = _depends_on(nodes, wrt)
    for node in reversed(nodes):
        dys = tuple(adjoints.get(output) for output in node.outputs)
        if all(dy is None for dy in dys):
            continue
        token = _scope.set(Scope(f"{node.scope}/gradient" if node.scope else "gradient", node.origin))
        try:
            wanted = tuple(value is not None and value in active for value in node.inputs)
            for value, contribution in zip(node.inputs, _contributions(node, dys, wanted), strict=True):
                if value is not None and contribution is not None:
                    _accumulate(adjoints, value, sum_to_shape(contribution, value.shape))
        finally:
            _scope.reset(token)
    return [adjoints.get(value) for value in wrt]


def sum_to_shape(gradient: Value, shape: Shape) -> Value:
    """Undo broadcasting: sum over the axes along which a tensor of `shape` was repeated."""
    if gradient.shape == shape:
        return gradient
    leading = gradient.rank - len(shape)
    if leading < 0:
        raise InternalError(f"a gradient of shape {shape_text(gradient.shape)} for a value of {shape_text(shape)}")
    if leading:
        gradient = op.ReduceSum(gradient, list(range(leading)), keepdims=0)
    repeated = [i for i, (have, want) in enumerate(zip(gradient.shape, shape, strict=True)) if have != want]
    if any(shape[i] != 1 for i in repeated):
        raise InternalError(f"a gradient of shape {shape_text(gradient.shape)} for a value of {shape_text(shape)}")
    return op.ReduceSum(gradient, repeated, keepdims=1) if repeated else gradient


def _contributions(node: Node, dys: tuple[Value | None, ...], wanted: tuple[bool, ...]) -> Sequence[Value | None]:
    """The gradient by each wanted input, None for the others: by the rule for all of them, or by each input's own."""
    joint = find(node.op_type, node.domain).vjp if any(wanted) else None
    if joint is not None:
        return joint(Backward(node, dys, wanted, gradients))
    return [_contribution(node, dys, index) if asked else None for index, asked in enumerate(wanted)]


def _contribution(node: Node, dys: tuple[Value | None, ...], index: int) -> Value | None:
    rule = find(node.op_type, node.domain).gradient(index)
    if isinstance(rule, NotDifferentiable):
        if rule.stops:
            return None
        raise NotDifferentiableError(f"{node.op_type} has no derivative by its input {index}: {rule.why}")
    return rule(Derivative(node, dys, index))


def _depends_on(nodes: Sequence[Node], wrt: Sequence[Value]) -> set[Value]:
    """The floating-point values through which a change of `wrt` is felt."""
    active = set(wrt)
    for node in nodes:
        rules = find(node.op_type, node.domain) if node.op_type != "Constant" else None
        for index, value in enumerate(node.inputs):
            if value in active and rules is not None and not _stops(rules, index):
                active.update(output for output in node.outputs if output.dtype.is_float)
    return active


def _stops(operator: Operator, index: int) -> bool:
    """Whether no change of this input is ever felt in a gradient."""
    rule = operator.gradient(index) if operator.vjp is None else None
    return isinstance(rule, NotDifferentiable) and rule.stops


def _accumulate(adjoints: dict[Value, Value], value: Value, contribution: Value) -> None:
    so_far = adjoints.get(value)
    adjoints[value] = contribution if so_far is None else so_far + contribution
