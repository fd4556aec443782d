"""What a loop body computes that needs no loop: the same operator over all steps at once, before it or after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..ir import Dim, Node, Value, find, graph_input, op, reachable
from ..ir.operator import apply_record
from ..ir.rewrite import rebuild, substitute
from ..ir.value import Scope, _scope
from .matmul import rows_of
from .shapes import reshape

ELEMENTWISE: Final = frozenset(
    """Abs Add And Cast Ceil Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid Identity
    LeakyRelu Less LessOrEqual Log Max Min Mul Neg Not Or Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus
    Softsign Sqrt Sub Sum Tanh ThresholdedRelu Where Xor""".split()  # noqa: SIM905 - easier to read
)
ALONG_AN_AXIS: Final = frozenset(["Concat", "LayerNormalization", "LogSoftmax", "Softmax", "Split"])


@dataclass(frozen=True)
class Stacked:
    """All steps of a value, and the axis they lie along."""

    value: Value
    axis: int = 0

    @property
    def steps_first(self) -> Value:
        if self.axis == 0:
            return self.value
        rest = [axis for axis in range(self.value.rank) if axis != self.axis]
        return op.Transpose(self.value, perm=[self.axis, *rest])


@dataclass(frozen=True)
class After:
    """An output that is a function of one value of the loop: `result`, written over `stand_in` for all its steps."""

    source: Value
    stand_in: Value
    result: Value

    def apply(self, stack: Value) -> Value:
        (value,) = substitute([self.result], {self.stand_in: stack})
        return value


def with_axis(value: Value, axis: int) -> Value:
    """The steps, which lie along the first axis, along another."""
    if axis == 0:
        return value
    return op.Transpose(value, perm=[*range(1, axis + 1), 0, *range(axis + 1, value.rank)])


def depending_on(values: Iterable[Value], sources: Iterable[Value]) -> set[Value]:
    """The `sources`, and all that is computed from any of them on the way to `values`."""
    found = set(sources)
    for node in reachable(values):
        if any(value in found for value in node.given_inputs):
            found.update(node.outputs)
    return found


def read_for(values: Sequence[Value]) -> set[Value]:
    """The `values`, and everything that is read on the way to them."""
    return set(values).union(*(node.given_inputs for node in reachable(values)))


def hoist(
    roots: Sequence[Value], steps: Mapping[Value, Stacked], states: Sequence[Value], length: Dim
) -> dict[Value, Value]:
    """The values to compute before the loop, each with all its steps along the first axis.

    They depend on no state, and are those that a node which does reads, or a root.
    """
    stateful = depending_on(roots, states)
    varying = depending_on(roots, steps)
    stacks: dict[Value, Value] = {}

    def stack_of(value: Value) -> Value | None:
        if value in steps and value not in stacks:
            stacks[value] = steps[value].steps_first
        return stacks.get(value)

    nodes = reachable(roots)
    for node in nodes:
        inputs = node.given_inputs
        if not any(value in varying for value in inputs) or any(value in stateful for value in node.outputs):
            continue
        if all(value in stacks or value in steps for value in inputs if value in varying):
            lifted = over_all_steps(node, {v: s for v in inputs if (s := stack_of(v)) is not None}, length)
            if lifted is not None:
                stacks.update(zip(node.outputs, lifted, strict=True))
    read = set(roots).union(*(node.given_inputs for node in nodes if not all(out in stacks for out in node.outputs)))
    return {value: stacks[value] for value in stacks if value in read and value not in steps}


def sink(
    outputs: Sequence[Value], next_states: Sequence[Value], formals: Sequence[Value], length: Dim
) -> list[After | None]:
    """For each output how to compute it after the loop, where it is a function of a single value that stays inside."""
    inside = {value for node in reachable(next_states) for value in node.outputs}
    changing = depending_on([*outputs, *next_states], formals)
    return [_sunk(output, inside.union(formals), changing, length) for output in outputs]


def _sunk(output: Value, inside: set[Value], changing: set[Value], length: Dim) -> After | None:
    if output in inside or output not in changing:
        return None
    sources: set[Value] = set()
    pending, seen = [output], {output}
    while pending:
        node = pending.pop().node
        assert node is not None
        for value in node.given_inputs:
            if value in inside and value in changing:
                sources.add(value)
            elif value in changing and value not in seen:
                seen.add(value)
                pending.append(value)
    if len(sources) != 1:
        return None
    (source,) = sources
    stand_in = graph_input("steps", source.dtype, (length, *source.shape))
    stacks = {source: stand_in}
    for node in reachable([output]):
        if any(value in stacks for value in node.given_inputs) and not any(out in inside for out in node.outputs):
            lifted = over_all_steps(node, {v: stacks[v] for v in node.given_inputs if v in stacks}, length)
            if lifted is None:
                return None
            stacks.update(zip(node.outputs, lifted, strict=True))
    return After(source, stand_in, stacks[output])


def over_all_steps(node: Node, stacks: Mapping[Value, Value], length: Dim) -> Sequence[Value] | None:
    """The node's outputs for all steps along a new first axis, or None where the operator has no such form.

    `stacks` has all steps of those inputs that differ from step to step.
    """
    token = _scope.set(Scope(node.scope, node.origin))
    try:
        made = _over_all_steps(node, stacks)
    finally:
        _scope.reset(token)
    if made is None or any(new.shape != (length, *old.shape) for new, old in zip(made, node.outputs, strict=True)):
        return None
    return made


def _over_all_steps(node: Node, stacks: Mapping[Value, Value]) -> Sequence[Value] | None:
    inputs = tuple(None if value is None else stacks.get(value, value) for value in node.inputs)
    varying = [value is not None and value in stacks for value in node.inputs]
    if node.domain:
        return None
    if node.op_type in ELEMENTWISE:
        rank = node.outputs[0].rank
        aligned = all(value.rank == rank for value in node.given_inputs if value in stacks)
        return rebuild(node, inputs) if aligned else None
    if node.op_type in ALONG_AN_AXIS:
        if not (all(varying) if node.op_type == "Concat" else varying[0] and not any(varying[1:])):
            return None
        rank = node.given_inputs[0].rank
        attributes = {**node.attributes, "axis": node.attribute("axis") % rank - rank}
        return apply_record(find(node.op_type), inputs, attributes)
    if varying[0] and not any(varying[1:]):
        a, b = inputs[:2] if len(inputs) > 1 else (inputs[0], None)
        assert a is not None
        if node.op_type == "MatMul" and b is not None and b.rank == 2 and a.rank >= 3:
            return rebuild(node, inputs)
        if node.op_type == "Gemm" and not node.attribute("transA"):
            c = node.inputs[2] if len(node.inputs) > 2 else None
            if c is None or c.rank < 2:
                (product,) = rebuild(node, (rows_of(a), *inputs[1:]))
                return [reshape(product, (*a.shape[:-1], product.shape[-1]), a)]
    if node.op_type == "Gather" and varying == [False, True] and node.attribute("axis") == 0:
        return rebuild(node, inputs)
    return None
