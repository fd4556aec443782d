"""`repeat`: the same layers several times, each time with parameters of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from .arithmetic import is_usable_name
from .composite import Composite, Use, layer_list
from .limits import MAX_LAYERS
from .scope import Sources

if TYPE_CHECKING:
    from .expander import Expander


@Composite.registry.register("repeat")
@dataclass(frozen=True, kw_only=True)
class Repeat(Composite):
    """The same layers several times, one after the other: `repeat: {times: 3, layers: [{dense: 64}, relu]}`.

    Each repetition has parameters of its own. `${i}` is the number of the repetition, from 0. A layer inside is called
    `repeat1/0/dense1`; `repeat1/0` is the value after the first repetition.
    """

    example: ClassVar[str] = """
repeat:
  times: 3
  layers:
    - dense: ${16 * (i + 1)}
    - relu
"""
    times: int = spec_field("How often.", minimum=1)
    index: str = spec_field(
        "What formulas call the number of the repetition.", default="i", schema={"type": "string", "minLength": 1}
    )
    layers: tuple[Any, ...] = spec_field("The layers of one repetition.", schema=layer_list())

    @classmethod
    def expand(cls, use: Use, expander: Expander) -> Sources:
        index = use.text("index", "i")
        if not is_usable_name(index):
            expander.report(use.call.at("index"), f"'{index}' is no name that a formula can mention", "such as 'i'")
            index = "i"
        written = use.call.fields["times"].value if "times" in use.call.fields else None
        times = written if isinstance(written, int) and not isinstance(written, bool) else 1  # else it is reported
        before = use.sources
        items = use.items("layers")
        if times * len(items) > MAX_LAYERS:
            expander.too_many(use.call.at("times"))  # at once: to expand so many takes seconds
        for i in range(max(times, 1) if items else 0):
            note = f"in the repeat on line {use.call.origin.line}, {index} = {i}"
            names = {**use.scope.names, index: i}
            scope = expander.inside(use, f"{use.name}/{i}", before, names=names, note=note)
            before = expander.run(items, scope)
            expander.alias(f"{use.name}/{i}", before)
        return before
