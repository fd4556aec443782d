"""Building loops: `scan` traces a step function into the closed body of a `Scan` node.

What needs no loop is taken out of it while it is built (`loop_motion`): values that no step changes are captured,
computations on the sequences alone are done for all steps before, and those that only an output reads after.
So x·W for all steps is one large product, for the layers of netwright and for cells written in a spec alike, and what
is differentiated later is the loop that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..ir import Dim, Graph, Value, apply, graph_input
from ..ir.rewrite import substitute
from .loop_motion import Stacked, depending_on, hoist, read_for, sink, with_axis
from .shape_values import dims_of

Step = Callable[[list[Value], list[Value]], "tuple[Sequence[Value], Sequence[Value]]"]
"""(states, one step of each sequence) -> (next states, one step of each output sequence)"""


@dataclass(frozen=True)
class Layout:
    """Where the steps of a sequence lie: the axis, and whether the first step of the loop is the last along it."""

    axis: int = 0
    backward: bool = False


@dataclass(frozen=True)
class Body:
    """An open loop body: the values that stand for the states and for one step of each sequence, and what is made of
    them and of any value around the loop."""

    states: Sequence[Value]
    steps: Sequence[Value]
    next_states: Sequence[Value]
    outputs: Sequence[Value]


def scan(
    step: Step,
    states: Sequence[Value],
    sequences: Sequence[Value],
    *,
    axis: int = 0,
    reverse: bool = False,
    recompute: bool = False,
) -> tuple[list[Value], list[Value]]:
    """Loop over `axis` of the sequences, from the last step to the first if `reverse`.

    Returns the final states and the output sequences, stacked along `axis` at the position of the step they came
    from. `step` may read any value made before; the body captures it. With `recompute` the loop's gradient keeps the
    states of each step alone and computes the rest again.
    """
    layouts = [Layout(axis % sequence.rank, reverse) for sequence in sequences]
    formals = [graph_input(f"state{i}", state.dtype, state.shape) for i, state in enumerate(states)]
    given = list(zip(sequences, layouts, strict=True))
    steps = [step_of(sequence, layout, f"input{i}") for i, (sequence, layout) in enumerate(given)]
    next_states, outputs = step(formals, steps)
    body = Body(formals, steps, list(next_states), list(outputs))
    stacked = [Layout(axis % (value.rank + 1), reverse) for value in outputs]
    return build_loop(body, states, given, stacked, recompute=recompute)


def step_of(sequence: Value, layout: Layout, name: str) -> Value:
    """A new body input for one step of a sequence."""
    shape = sequence.shape
    return graph_input(name, sequence.dtype, (*shape[: layout.axis], *shape[layout.axis + 1 :]))


def build_loop(
    body: Body,
    states: Sequence[Value],
    sequences: Sequence[tuple[Value, Layout]],
    outputs: Sequence[Layout],
    *,
    recompute: bool = False,
    hoisting: bool = True,
) -> tuple[list[Value], list[Value]]:
    """The loop over `body` without what needs none: final states, and the output sequences in their layouts.

    Without `hoisting` what the sequences alone decide stays inside: slower, but no step's values are kept for all.
    """
    length = sequences[0][0].shape[sequences[0][1].axis]
    if hoisting:
        body, sequences = _hoisted(body, sequences, length)
    late = sink(body.outputs, body.next_states, [*body.states, *body.steps], length)
    given = {
        (step, layout.backward): Stacked(value, layout.axis)
        for step, (value, layout) in zip(body.steps, sequences, strict=True)
    }
    kept: dict[tuple[Value, Layout], None] = {}
    sources: list[tuple[Value, Layout]] = []
    for value, layout, after in zip(body.outputs, outputs, late, strict=True):
        source = (value, layout) if after is None else (after.source, Layout(0, layout.backward))
        sources.append(source)
        if (source[0], layout.backward) not in given:
            kept[source] = None
    inner = Body(body.states, body.steps, body.next_states, [value for value, _ in kept])
    final, stacks = close_loop(inner, states, sequences, [layout for _, layout in kept], recompute)
    made = dict(zip(kept, stacks, strict=True))
    found = []
    for source, layout, after in zip(sources, outputs, late, strict=True):
        if source in made and after is None:
            found.append(made[source])
            continue
        steps_first = made[source] if source in made else given[source[0], layout.backward].steps_first
        found.append(with_axis(steps_first if after is None else after.apply(steps_first), layout.axis))
    return final, found


def close_loop(
    body: Body,
    states: Sequence[Value],
    sequences: Sequence[tuple[Value, Layout]],
    outputs: Sequence[Layout],
    recompute: bool = False,
) -> tuple[list[Value], list[Value]]:
    """The `Scan` node over a body as it is."""
    closed, captured = _close(
        [*body.states, *body.steps],
        {f"state{i}.next": value for i, value in enumerate(body.next_states)}
        | {f"output{i}": value for i, value in enumerate(body.outputs)},
    )
    results = apply(
        "Scan",
        *states,
        *(value for value, _ in sequences),
        *captured,
        body=closed,
        num_scan_inputs=len(sequences),
        captures=len(captured),
        scan_input_axes=unless_zero(layout.axis for _, layout in sequences),
        scan_input_directions=unless_zero(int(layout.backward) for _, layout in sequences),
        scan_output_axes=unless_zero(layout.axis for layout in outputs),
        scan_output_directions=unless_zero(int(layout.backward) for layout in outputs),
        recompute=int(recompute),
    )
    return list(results[: len(states)]), list(results[len(states) :])


def unless_zero(numbers: Iterable[int]) -> tuple[int, ...] | None:
    """None, ONNX's default, where all are 0."""
    listed = tuple(numbers)
    return listed if any(listed) else None


def _hoisted(
    body: Body, sequences: Sequence[tuple[Value, Layout]], length: Dim
) -> tuple[Body, list[tuple[Value, Layout]]]:
    """The body with computations on its sequences alone done before the loop, as further sequences."""
    backward = {layout.backward for _, layout in sequences}
    if len(backward) > 1:
        return body, list(sequences)
    stacked = {step: Stacked(value, layout.axis) for step, (value, layout) in zip(body.steps, sequences, strict=True)}
    roots = [*body.next_states, *body.outputs]
    lifted = hoist(roots, stacked, body.states, length)
    formals = {old: graph_input(f"input{len(body.steps) + i}", old.dtype, old.shape) for i, old in enumerate(lifted)}
    inner = substitute(roots, formals)
    everything = [
        *zip(body.steps, sequences, strict=True),
        *((formals[old], (value, Layout(0, *backward))) for old, value in lifted.items()),
    ]
    needed = read_for(inner)
    used = [(formal, given) for formal, given in everything if formal in needed] or everything[:1]
    count = len(body.next_states)
    return Body(body.states, [formal for formal, _ in used], inner[:count], inner[count:]), [given for _, given in used]


def _close(inputs: Sequence[Value], outputs: Mapping[str, Value]) -> tuple[Graph, list[Value]]:
    """The body over `inputs`, with an input for every value it reads that no step changes, and those values.

    Constants stay inside, and so does arithmetic on shapes, which inference reads through.
    """
    changing = depending_on(outputs.values(), inputs)
    captured: dict[Value, None] = {}
    seen: set[Value] = set()
    pending = list(outputs.values())
    while pending:
        value = pending.pop()
        if value in seen or value.constant is not None:
            continue
        seen.add(value)
        if value not in changing and not is_shape(value):
            captured[value] = None
        elif value.node is not None:
            pending.extend(value.node.given_inputs)
    actuals = sorted(captured, key=lambda value: value.serial)
    formals = [graph_input(f"captured{i}", value.dtype, value.shape) for i, value in enumerate(actuals)]
    closed = substitute(list(outputs.values()), dict(zip(actuals, formals, strict=True)))
    return Graph("body", (*inputs, *formals), dict(zip(outputs, closed, strict=True))), actuals


def is_shape(value: Value) -> bool:
    """Whether a value is arithmetic on dimensions that inference reads through."""
    return value.node is not None and value.dtype.is_integer and value.rank <= 1 and dims_of(value) is not None
