"""How shapes came about: what every value of a network is made of, and the part of that which led to a mistake."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from .errors import Origin, Step
from .ir import DType, TensorType, shape_text

LONGEST: Final = 12
"""Steps of a trail: the nearest are the likeliest to hold the mistake."""


@dataclass
class Trail:
    """The inputs and layers of a network in the order in which they were made, by name."""

    steps: dict[str, Step] = field(default_factory=dict)
    _meaning: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, origin: Origin, reads: Iterable[str], made: TensorType) -> None:
        """Remember a value, and what it reads."""
        self.steps[name] = self.step(name, origin, reads, made)

    def step(self, name: str, origin: Origin, reads: Iterable[str], made: TensorType | None = None) -> Step:
        """A value that reads values of the network; without a type it could not be made."""
        reads = tuple(dict.fromkeys(self._meaning.get(read, read) for read in reads))
        return Step(origin, name, reads, "" if made is None else type_text(made))

    def rename(self, name: str, made: str) -> None:
        """From here on `name` (of an input) means what the layer `made` makes of it."""
        self._meaning[name] = made

    def to(self, last: Step, *, also: Iterable[Step | str] = ()) -> tuple[Step, ...]:
        """The nearest steps that led to `last` and to the values or steps `also`, in order; `last` at the end."""
        others = [self.steps.get(item) if isinstance(item, str) else item for item in also]
        given = [item for item in others if item is not None and item.name not in self.steps]
        found: dict[str, Step] = {}
        pending = deque([*last.reads, *(name for item in given for name in item.reads)])
        pending.extend(item.name for item in others if item is not None)
        while pending and len(found) + len(given) < LONGEST - 1:
            step = self.steps.get(pending.popleft())
            if step is not None and step.name not in found:
                found[step.name] = step
                pending.extend(step.reads)
        order = {name: number for number, name in enumerate(self.steps)} if len(found) > 1 else {}
        return (*sorted(found.values(), key=lambda step: order.get(step.name, 0)), *given, last)


def type_text(type_: TensorType) -> str:
    """The shape, with the dtype before it where that is not float32."""
    return shape_text(type_.shape) if type_.dtype is DType.float32 else str(type_)
