"""Scan: a loop over the steps of sequences, whose body is a graph.

A body is closed. Its inputs are, in this order, the states, one step of each scanned sequence, and the values it
captures from around the loop (weights, say); the node's inputs are the initial states, the sequences, and the
captured values. The attribute `captures`, ours, counts the captured values; emission leaves them out of the node and
lets the body refer to the outer names, as ONNX has it. The body's outputs are the next states, then one step of each
output sequence.

`loops` builds loops, `scan_gradient` differentiates them. The attribute `recompute`, ours too, says how: by what each
step computed, which the loop then saves, or by computing it again.
"""

from __future__ import annotations

import numpy as np

from ..ir import (
    REQUIRED,
    Array,
    Call,
    Dim,
    DType,
    Graph,
    Operator,
    Sample,
    TensorType,
    Value,
    graph_input,
    op,
    register,
    shape_text,
)
from ..ir.evaluate import evaluate
from .inference import normalize_axis
from .scan_gradient import differentiate


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
    recompute: int = 0,
) -> tuple[Array, ...]:
    del recompute
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
        vjp=differentiate,
        evaluate=_evaluate_scan,
        attributes={
            "body": REQUIRED,
            "num_scan_inputs": REQUIRED,
            "captures": 0,
            "scan_input_axes": None,
            "scan_input_directions": None,
            "scan_output_axes": None,
            "scan_output_directions": None,
            "recompute": 0,
        },
        samples=_samples,
    )
)
