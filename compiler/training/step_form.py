"""The graphs that go through a sequence one step a call: `inference_step`, and `inference_encode` before it.

Some inputs of a network move with its steps, the text that a decoder writes for one; others stay, such as the text that
it translates. What the steps need of those that stay is made once, by `inference_encode`, and `inference_step` takes it
as inputs, its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir import Graph, Node, Value, graph_input, reachable
from ..ir.names import unique_names
from ..ir.rewrite import substitute
from ..layer_context import BATCH, Carrying
from ..layers import Layer, Shared
from ..layers.base import PAST
from ..layers.recurrence_settings import RecurrenceSettings
from ..network import Forward, build_forward
from ..spec.model import Spec
from ..spec.settings import LayerEntry
from ..variables import IN_FILES, Variables
from .inference import read_of

VIEWS = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that cost nothing, so that what they are applied to is remembered rather than what they make of it."""


@dataclass(frozen=True)
class StepForm:
    """What the manifest says about the inputs of `inference_step`, by name.

    carried: the states, which it also returns. memory: what `inference_encode` makes for it.
    """

    carried: Mapping[str, Value] = field(default_factory=dict)
    memory: Mapping[str, Value] = field(default_factory=dict)


def add_step_form(
    graphs: dict[str, Graph],
    spec: Spec,
    variables: Variables,
    vocabularies: Mapping[str, Sequence[str]],
    outputs: Mapping[str, Value],
) -> StepForm:
    """Add `inference_step`, where the network can go step by step, and `inference_encode`, where inputs of it stay.

    `outputs` are those of `inference`.
    """
    inputs = _moving_inputs(spec, outputs)
    if any(str(PAST) in item.shape for item in spec.inputs):
        return StepForm()
    moving = inputs and _moving(spec, inputs)
    if not moving:
        return StepForm()
    going_on = [entry.layer for entry in spec.layers if entry.name in moving and not entry.each_step]
    recurrent = any(isinstance(layer, RecurrenceSettings) for layer in going_on)
    carrying = Carrying(stepping=moving, single=recurrent)  # of several steps it would make a loop
    forward = build_forward(spec, variables, vocabularies=vocabularies, carrying=carrying)
    weights = [variables.values[name] for name in variables.of_kind(*IN_FILES)]
    names = {output.name: output.from_ in moving for output in spec.outputs}
    stepped = {name: forward.outputs[name] for name, moves in names.items() if moves}
    stepped |= {f"{name}.next": value for name, value in carrying.following.items()}
    starts = [value for name, value in forward.features.items() if name in inputs] + list(carrying.given.values())
    memory = _memory(stepped.values(), starts, weights, forward)

    given = {name: graph_input(name, value.dtype, value.shape) for name, value in memory.items()}
    replaced = {value: given[name] for name, value in memory.items()}
    step = dict(zip(stepped, substitute(list(stepped.values()), replaced), strict=True))
    read = (*read_of(starts, step), *given.values(), *read_of(weights, step))
    graphs["inference_step"] = Graph("inference_step", read, step)
    encoded = {**memory, **carrying.initial}
    if encoded:
        encoded |= {name: forward.outputs[name] for name, moves in names.items() if not moves}
        still = [value for name, value in forward.features.items() if name not in inputs]
        graphs["inference_encode"] = Graph(
            "inference_encode", (*read_of(still, encoded), *read_of(weights, encoded)), encoded
        )
    return StepForm(carrying.given, given)


def _moving_inputs(spec: Spec, outputs: Mapping[str, Value]) -> frozenset[str]:
    """The inputs that move with the steps: those along the time axis that all have, or that the outputs have."""
    first = {item.name: item.shape[:1] for item in spec.inputs}
    axes = set(first.values())
    if len(axes) == 1 and axes != {()}:
        return frozenset(first)
    times = {axis for axis in axes if axis and isinstance(axis[0], str)}
    of_outputs = {tuple(map(str, value.shape[1:2])) for value in outputs.values()} & times
    (axis,) = of_outputs if len(of_outputs) == 1 else times if len(times) == 1 else [None]
    return frozenset(name for name, dims in first.items() if dims == axis)


def _moving(spec: Spec, inputs: frozenset[str]) -> frozenset[str] | None:
    """The inputs and layers that move with the steps; None where the network cannot go step by step.

    It can when every layer that moves is causal and reads nothing that moves as a whole, and one of them remembers
    earlier steps, which it can of one sequence alone.
    """
    owners = {entry.name: entry.layer for entry in spec.layers}
    moving = set(inputs)
    remembering: list[str] = []
    for entry in spec.layers:
        owner = entry.layer.layer if isinstance(entry.layer, Shared) else entry.name
        layer, whole = owners[owner], _read_whole(entry, owners[owner])
        if moving.isdisjoint({*entry.from_, *whole}):
            continue
        moving.add(entry.name)
        if entry.each_step:  # nothing goes from step to step there
            continue
        if not layer.causal or not moving.isdisjoint(whole):
            return None
        if layer.remembers:
            remembering.append(owner)
    once = len(set(remembering)) == len(remembering)
    return frozenset(moving) if remembering and once else None


def _read_whole(entry: LayerEntry, layer: Layer) -> set[str]:
    """The values that a layer reads whole at every step: those its fields name, and what its cell reads around it."""
    named = [name for name in layer.value_fields if getattr(layer, name) is not None]
    values = zip(named, entry.from_[len(entry.from_) - len(named) :], strict=True)
    whole = {value for name, value in values if name not in layer.moving_fields}
    if entry.cell is not None:
        cell = entry.cell
        inside = {cell.input, *cell.states, *(layer.name for layer in cell.layers)}
        whole |= {*(name for layer in cell.layers for name in layer.from_), *cell.following, cell.output} - inside
    return whole


def _is_view_of_rows(node: Node) -> bool:
    """Whether what it is applied to can be remembered as well: it costs nothing, and that has a row for each example.

    Steps of a `time_distributed` are rows, but none that a host could choose.
    """
    return node.op_type in VIEWS and node.inputs[0] is not None and node.inputs[0].shape[:1] == (BATCH,)


def _memory(
    outputs: Iterable[Value], starts: Iterable[Value], weights: Iterable[Value], forward: Forward
) -> dict[str, Value]:
    """What the steps read of the features that stay, and do not change, each under a name of its own.

    Such a value has one row for each example, so that a host may choose rows; sizes and the like are measured anew.
    """
    moved = set(starts)
    found: dict[Value, None] = {}
    made_of_weights = set(weights)

    def need(value: Value) -> None:
        if value in moved or value in made_of_weights:
            return
        node = value.node
        if value.shape[:1] == (BATCH,) and not (node is not None and _is_view_of_rows(node)):
            found[value] = None
            return
        assert node is not None  # every feature has a batch axis
        for read in node.given_inputs:
            need(read)

    for node in reachable(outputs):
        if not moved.isdisjoint(node.given_inputs):
            moved.update(node.outputs)
        elif made_of_weights.issuperset(node.given_inputs):
            made_of_weights.update(node.outputs)
    for node in reachable(outputs):
        if not moved.isdisjoint(node.given_inputs):
            for read in node.given_inputs:
                need(read)
    layers = {value: name for name, value in forward.values.items() if name not in forward.features}
    taken = {*forward.features, *forward.outputs}
    named = {}
    for value in found:
        stem = layers.get(value) or (f"{value.name}/memory" if value.node is None else value.name)
        name = next(unique_names(taken, stem))
        taken.add(name)
        named[name] = value
    return named
