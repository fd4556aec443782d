"""`recurrent`: a loop over time whose step is written in the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from ...layers.recurrence_settings import RecurrenceSettings
from ..positions import Node, Path, mapping, sequence
from ..settings import NAME_PATTERN, REFERENCE
from .composite import LAYER, Composite, Use
from .entries import PlainCell, PlainLayer, keyed, named_items, sourced
from .scope import INPUT, Scope, Sources

if TYPE_CHECKING:
    from .expander import Expander


@Composite.registry.register("recurrent")
@dataclass(frozen=True, kw_only=True)
class Recurrent(RecurrenceSettings, Composite):
    """A recurrent layer whose cell is written here, as a small network: what happens in one step.

    In the cell `input` is one step of the sequence, (batch, n), and each state a value of shape (batch, size). `next`
    names the values that the states take for the next step. Layers of the cell have the same parameters at every
    step; they are called `recurrent1/gates/weight` and so on. A cell may read values from around it, such as the
    outputs of an encoder; it sees all of them at every step. Random zeros of a `dropout` in it are the same at every
    step.

    | | shape |
    |---|---|
    | input | (batch, time, n) |
    | output | (batch, time, …), with `return: last` (batch, …), whatever shape `output` has |
    | state | the states side by side, (batch, sum of the sizes) |
    """

    example: ClassVar[str] = """
inputs: {x: [time, 4]}
network:
  - recurrent:
      states: {h: 16}
      cell:
        gate: {dense: {units: 16, activation: sigmoid, from: input}}
        candidate: {dense: {units: 16, activation: tanh, from: input}}
        new: gate * h + (1 - gate) * candidate
      next: {h: new}
"""
    chain_fields: ClassVar[tuple[str, ...]] = ("cell",)
    states: Mapping[str, int] = spec_field(
        "Name and size of each state.",
        schema={
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": {"type": "integer", "minimum": 1},
        },
    )
    cell: Any = spec_field(
        "The layers of one step: formulas and layers by name, or a list of layers.",
        schema={
            "type": ["array", "object"],
            "minItems": 1,
            "minProperties": 1,
            "items": LAYER,
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": {
                "type": ["string", "object"],
                "x-expected": "a formula or a layer",
                "if": {"type": "object"},
                "then": LAYER,
            },
            "x-expected": "formulas and layers by name, or a list of layers",
        },
    )
    next: Mapping[str, str] = spec_field(
        "For each state the value of the cell that it takes for the next step.",
        schema={"type": "object", "minProperties": 1, "additionalProperties": REFERENCE},
    )
    output: str | None = spec_field(
        "The value of the cell that is the output of a step (default: the next value of the first state).",
        default=None,
        schema=REFERENCE,
    )

    @classmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        fields = use.call.fields
        read = expander.one(use.sources, use, "a recurrent layer reads one sequence")
        if read is None or any(field not in fields for field in ("states", "cell", "next")):
            return ()  # reported
        scope = expander.inside(use, use.name, (f"{use.name}/{INPUT}",))
        states = [name for name, _ in keyed(fields["states"])]
        for name in states:
            expander.values[scope.prefix + name] = scope.prefix + name
            scope.made.append(name)
        start = len(expander.layers)
        expander.run(named_items(fields["cell"], use.call.path("cell")), scope)
        layers = tuple(expander.layers[start:])
        following = _following(use, scope, states, expander)
        output = _named(use, scope, expander, "output") if "output" in fields else next(iter(following), None)
        del expander.layers[start:]
        given = [value for field in cls.value_fields for value in expander.references(use.call, field, use.scope)]
        expander.forget(scope.prefix)
        if len(following) != len(states) or output is None:
            return ()  # reported
        cell = PlainCell(
            layers, scope.prefix + INPUT, tuple(scope.prefix + name for name in states), tuple(following), output
        )
        sources = (*expander.chosen(read, use.call), *given)
        return expander.emit(PlainLayer(use.name, use.call.kind, sources, _node(use, layers), use.name, cell))

    @classmethod
    def chains(cls, argument: Node | None) -> Iterator[tuple[Path, Node]]:
        for key, node in keyed(argument) if argument is not None else ():
            if key == "cell" and isinstance(node.value, tuple):
                yield (key,), node
            elif key == "cell":
                yield from (((key, name), child) for name, child in keyed(node) if not isinstance(child.value, str))


def _following(use: Use, scope: Scope, states: list[str], expander: Expander) -> list[str]:
    """The value that each state takes for the next step."""
    written = dict(keyed(use.call.fields["next"]))
    for name in written:
        if name not in states:
            known = ", ".join(states)
            expander.report(use.call.at("next", name), f"there is no state '{name}'", f"the states are {known}")
    found = []
    for name in states:
        if name not in written:
            message = f"does not say what the state '{name}' is next"
            expander.report(use.call.at("next"), message, f"add '{name}: …', or '{name}: {name}' to keep it")
        elif (value := _named(use, scope, expander, "next", name)) is not None:
            found.append(value)
    return found


def _named(use: Use, scope: Scope, expander: Expander, *steps: str) -> str | None:
    """The value of the cell that a field names."""
    node = use.call.fields[steps[0]]
    for step in steps[1:]:
        node = node.value[step]
    if not isinstance(node.value, str):
        return None
    found = expander.resolve(node.value, use.call.at(*steps), scope, None, use.call)
    return found[0] if len(found) == 1 else None


def _node(use: Use, layers: tuple[PlainLayer, ...]) -> Node:
    """The entry with the layers of its cell as they were expanded."""
    argument = use.call.argument
    assert argument is not None
    fields = {**argument.value, "cell": sequence([layer.node for layer in layers], argument.value["cell"].place)}
    whole = mapping(fields, dict(argument.keys), argument.place)
    kind = use.call.kind
    return sourced(
        mapping({kind: whole}, {kind: use.call.node.keys[kind]}, use.call.node.place),
        use.call.source.path,
        use.scope.within,
    )
