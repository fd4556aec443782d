"""A recurrent layer whose cell the spec's author wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ..ir import Value
from .base import LayerContext
from .recurrence import Loops, Recurrence


@dataclass(frozen=True, kw_only=True)
class Recurrent(Recurrence):
    """What the composite `recurrent` becomes: the network builds the layers of its cell in each step.

    states: name -> size, in the order in which they lie side by side in the layer's state.
    output: which state's next value the output is, None for another value.
    """

    kind: ClassVar[str] = "recurrent"
    states: Mapping[str, int] = field(default_factory=dict)
    output: int | None = None

    def run(self, context: LayerContext, steps: Value, loops: Loops) -> tuple[Value, Value]:
        loops.begin(list(self.states.values()))

        def cell(step: Value, states: Sequence[Value]) -> tuple[Sequence[Value], Value]:
            return context.run_cell(step, states)

        return loops.run(cell, steps, len(self.states), output=self.output)
