"""`time_distributed`: layers applied to every step of a sequence by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from netwright.schema import spec_field

from .composite import Composite, Use, layer_list, merge_node
from .entries import PlainLayer, sourced
from .scope import INPUT, Scope, Sources

if TYPE_CHECKING:
    from .expander import Expander

STEPS: Final = "steps"
"""The kind of the layer before those inside, which makes rows of steps."""
SEQUENCE: Final = "time_distributed"
"""The kind of the layer after them, which makes steps of rows; it bears the composite's own name."""


@Composite.registry.register("time_distributed")
@dataclass(frozen=True, kw_only=True)
class TimeDistributed(Composite):
    """Layers applied to every step of a sequence by itself, with the same parameters.

    The layers see a batch of single steps: a video (batch, time, 3, 64, 64) is to them images (batch·time, 3, 64, 64).
    So convolutions, pooling, `flatten` and whole networks work on steps as they do on examples, of sequences of any
    length. `batch_norm` takes its statistics over all steps of a batch, padding included; random zeros, noise and the
    like are drawn for each step. Nothing else passes from one step to another, and a network that is causal apart from
    it still goes step by step (`inference_step.onnx`).

    In the table of layers `time_distributed1/input` is where steps become rows, and `time_distributed1` their end.

    Under `from` may be several sequences of the same length, those after the first also of single numbers, such as the
    length of each sentence of a text; inside, their names mean their steps, and `input` all of them. Other values from
    around it have no steps that could be told apart, so only `parameter` and `constant` are seen inside; from outside
    the value of the whole is.

    | | shape |
    |---|---|
    | input | (batch, time, …), with at least one more axis |
    | output | (batch, time, …), where … is what its last layer makes of a step |
    """

    example: ClassVar[str] = """
inputs: {frames: [time, 1, 16, 16]}
network:
  - time_distributed:
      - conv: {filters: 8, kernel_size: 3, padding: same, activation: relu}
      - max_pool: 2
      - flatten
      - dense: 16
  - lstm: {units: 32, return: last}
"""
    shorthand: ClassVar[str | None] = "layers"
    layers: tuple[Any, ...] = spec_field("The layers, the first reading a step.", schema=layer_list())

    @classmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        read = expander.chosen(use.sources, use.call)
        items = use.items("layers", "layers")
        if not read or not items:
            return ()  # reported
        expander.rows.lines[use.name] = use.call.origin.line
        scope = expander.inside(use, use.name, _steps(use, expander, read))
        _name_steps(use, expander, scope)
        end = expander.one(expander.run(items, scope), use, "each step has one result")
        return _layer(use, expander, SEQUENCE, use.name, (*end, read[0])) if end else ()


def _steps(use: Use, expander: Expander, read: tuple[str, ...]) -> tuple[str, ...]:
    """The steps of each sequence as rows; those of any but the first are held to its length."""
    names = [f"{use.name}/{INPUT}" + (f"/{number}" if len(read) > 1 else "") for number in range(len(read))]
    for number, (name, sequence) in enumerate(zip(names, read, strict=True)):
        _layer(use, expander, STEPS, name, (sequence, read[0]) if number else (sequence,))
    return tuple(names)


def _name_steps(use: Use, expander: Expander, scope: Scope) -> None:
    """Inside, the names written under `from` mean steps."""
    written = use.call.references() or []
    if scope.input is not None and len(written) == len(scope.input):
        for (name, _), steps in zip(written, scope.input, strict=True):
            expander.values.setdefault(scope.prefix + name, steps)


def _layer(use: Use, expander: Expander, kind: str, name: str, sources: tuple[str, ...]) -> Sources:
    """A layer that stands where the composite does."""
    node = sourced(merge_node(use, SEQUENCE, None), use.call.path(), use.scope.within)
    return expander.emit(PlainLayer(name, kind, sources, node, name))
