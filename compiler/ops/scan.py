"""Scan: a loop over the steps of sequences, whose body is a graph.

A body is closed. Its inputs are, in this order, the states, one step of each scanned sequence, and the values it
captures from around the loop (weights, say); the node's inputs are the initial states, the sequences, and the
captured values. The attribute `captures`, ours, counts the captured values; emission leaves them out of the node and
lets the body refer to the outer names, as ONNX has it. The body's outputs are the next states, then one step of each
output sequence.

There is no derivative yet: differentiating a loop is an error that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..ir import (
    REQUIRED,
    Array,
    Call,
    Dim,
    DType,
    Graph,
    NotDifferentiable,
    Operator,
    Sample,
    TensorType,
    Value,
    apply,
    graph_input,
    op,
    register,
    shape_text,
)
from ..ir.evaluate import evaluate
from ..ir.rewrite import substitute
from .inference import normalize_axis

Step = Callable[[list[Value], list[Value]], "tuple[Sequence[Value], Sequence[Value]]"]
"""(states, one step of each sequence) -> (next states, one step of each output sequence)"""


def scan(
    step: Step, states: Sequence[Value], sequences: Sequence[Value], *, axis: int = 0, reverse: bool = False
) -> tuple[list[Value], list[Value]]:
    """Loop over `axis` of the sequences, from the last step to the first if `reverse`.

    Returns the final states and the output sequences, stacked along `axis` at the position of the step they came
    from. `step` may read any value made before; the body captures it.
    """
    axes = [axis % sequence.rank for sequence in sequences]
    state_inputs = [graph_input(f"state{i}", state.dtype, state.shape) for i, state in enumerate(states)]
    slices = [
        graph_input(f"input{i}", sequence.dtype, (*sequence.shape[:a], *sequence.shape[a + 1 :]))
        for i, (sequence, a) in enumerate(zip(sequences, axes, strict=True))
    ]
    new_states, outputs = step(state_inputs, slices)
    body, captured = _close(
        [*state_inputs, *slices],
        {f"state{i}.next": value for i, value in enumerate(new_states)}
        | {f"output{i}": value for i, value in enumerate(outputs)},
    )
    results = apply(
        "Scan",
        *states,
        *sequences,
        *captured,
        body=body,
        num_scan_inputs=len(sequences),
        captures=len(captured),
        scan_input_axes=_unless_zero(axes),
        scan_input_directions=_unless_zero([int(reverse)] * len(sequences)),
        scan_output_axes=_unless_zero([axis % (value.rank + 1) for value in outputs]),
        scan_output_directions=_unless_zero([int(reverse)] * len(outputs)),
    )
    return list(results[: len(states)]), list(results[len(states) :])


def _unless_zero(numbers: Sequence[int]) -> tuple[int, ...] | None:
    """None, ONNX's default, where all are 0."""
    return tuple(numbers) if any(numbers) else None


def _close(inputs: Sequence[Value], outputs: Mapping[str, Value]) -> tuple[Graph, list[Value]]:
    """The body over `inputs`, with an input for every outer value it reads, and those values.

    An outer value is one made before the body's inputs were. Constants are no such value: a body may contain them.
    """
    first = min(value.serial for value in inputs)
    captured: dict[Value, None] = {}
    seen: set[Value] = set()
    pending = list(outputs.values())
    while pending:
        value = pending.pop()
        if value in seen or value.constant is not None:
            continue
        seen.add(value)
        if value.serial < first:
            captured[value] = None
        elif value.node is not None:
            pending.extend(value.node.given_inputs)
    actuals = sorted(captured, key=lambda value: value.serial)
    formals = [graph_input(f"captured{i}", value.dtype, value.shape) for i, value in enumerate(actuals)]
    closed = substitute(list(outputs.values()), dict(zip(actuals, formals, strict=True)))
    return Graph("body", (*inputs, *formals), dict(zip(outputs, closed, strict=True))), actuals


def _infer_scan(call: Call) -> list[TensorType]:
    body: Graph = call.attribute("body")
    scanned, captures = call.attribute("num_scan_inputs"), call.attribute("captures")
    states = len(call.inputs) - scanned - captures
    outputs = list(body.outputs.values())
    if scanned < 1 or states < 0 or len(body.inputs) != len(call.inputs) or len(outputs) < states:
        raise call.error(
            f"{len(call.inputs)} inputs, of which {scanned} are sequences and {captures} captured, do not fit a body "
            f"with {len(body.inputs)} inputs and {len(outputs)} outputs"
        )
    length, steps = _steps(call, states, scanned)
    given = (
        [call[i].type for i in range(states)]
        + steps
        + [call[i].type for i in range(states + scanned, len(call.inputs))]
    )
    for formal, actual in zip(body.inputs, given, strict=True):
        if formal.type != actual:
            raise call.error(f"the body's input {formal.name} is {formal.type}, it receives {actual}")
    for i, (name, value) in enumerate(list(body.outputs.items())[:states]):
        if value.type != call[i].type:
            raise call.error(f"the state {call[i].type} becomes {value.type} ({name} of the body)")
    stacked = [
        _stacked(call, value, length, axis)
        for value, axis in zip(outputs[states:], _axes(call, "scan_output_axes", len(outputs) - states), strict=True)
    ]
    return [call[i].type for i in range(states)] + stacked


def _steps(call: Call, first: int, count: int) -> tuple[Dim, list[TensorType]]:
    """How many steps there are, and the type of one step of each sequence."""
    lengths: list[Dim] = []
    steps = []
    for index, axis in zip(range(first, first + count), _axes(call, "scan_input_axes", count), strict=True):
        sequence = call[index]
        along = normalize_axis(call, axis, sequence.rank)
        lengths.append(sequence.shape[along])
        steps.append(TensorType(sequence.dtype, sequence.shape[:along] + sequence.shape[along + 1 :]))
    if len(set(lengths)) > 1:
        raise call.error(f"the sequences have different lengths: {shape_text(lengths)}")
    return lengths[0], steps


def _axes(call: Call, name: str, count: int) -> tuple[int, ...]:
    axes: tuple[int, ...] = call.attribute(name) or (0,) * count
    if len(axes) != count:
        raise call.error(f"{name} has {len(axes)} entries for {count} sequences")
    return axes


def _stacked(call: Call, value: Value, length: Dim, axis: int) -> TensorType:
    axis = normalize_axis(call, axis, value.rank + 1)
    return TensorType(value.dtype, (*value.shape[:axis], length, *value.shape[axis:]))


def _evaluate_scan(
    *arrays: Array,
    body: Graph,
    num_scan_inputs: int,
    captures: int = 0,
    scan_input_axes: tuple[int, ...] | None = None,
    scan_input_directions: tuple[int, ...] | None = None,
    scan_output_axes: tuple[int, ...] | None = None,
    scan_output_directions: tuple[int, ...] | None = None,
) -> tuple[Array, ...]:
    first = len(arrays) - num_scan_inputs - captures
    states, captured = list(arrays[:first]), list(arrays[first + num_scan_inputs :])
    moved = [
        np.moveaxis(array, axis, 0)[:: -1 if backward else 1]
        for array, axis, backward in zip(
            arrays[first : first + num_scan_inputs],
            scan_input_axes or (0,) * num_scan_inputs,
            scan_input_directions or (0,) * num_scan_inputs,
            strict=True,
        )
    ]
    stacks: list[list[Array]] = [[] for _ in range(len(body.outputs) - first)]
    for slices in zip(*moved, strict=True):
        feeds = {v.name: array for v, array in zip(body.inputs, [*states, *slices, *captured], strict=True)}
        results = list(evaluate(body, feeds).values())
        states = results[:first]
        for stack, result in zip(stacks, results[first:], strict=True):
            stack.append(result)
    outputs = [
        np.moveaxis(np.stack(stack[:: -1 if backward else 1]), 0, axis)
        for stack, axis, backward in zip(
            stacks,
            scan_output_axes or (0,) * len(stacks),
            scan_output_directions or (0,) * len(stacks),
            strict=True,
        )
    ]
    return (*states, *outputs)


def _samples() -> list[Sample]:
    """Over integers, as the contract tests cast float inputs and a body has the types it has; and forward over the
    first axis, as onnx.reference knows nothing else. The rest is in tests/ops/test_scan.py."""
    total, x, y, scale = (graph_input(name, DType.int64, (3,)) for name in ("total", "x", "y", "scale"))
    cumulative = op.Add(total, x)
    with_capture = Graph("body", (total, x, scale), {"total.next": cumulative, "scaled": cumulative * scale})
    two_sequences = Graph("body", (total, x, y), {"total.next": total + x * y, "product": x * y, "before": total})
    start, xs, factors = np.array([1, 0, -1]), np.arange(12).reshape(4, 3) - 5, np.array([2, 3, 5])
    return [
        Sample(
            (start, xs, factors),
            {"body": with_capture, "num_scan_inputs": 1, "captures": 1},
            name="cumulative sum",
            outputs=2,
        ),
        Sample((start, xs, xs + 7), {"body": two_sequences, "num_scan_inputs": 2}, name="two sequences", outputs=3),
    ]


register(
    Operator(
        "Scan",
        infer=_infer_scan,
        gradients=(NotDifferentiable("loops are not differentiated yet", stops=False),),
        evaluate=_evaluate_scan,
        attributes={
            "body": REQUIRED,
            "num_scan_inputs": REQUIRED,
            "captures": 0,
            "scan_input_axes": None,
            "scan_input_directions": None,
            "scan_output_axes": None,
            "scan_output_directions": None,
        },
        samples=_samples,
    )
)
