"""Where a name means something: the network itself, and the inside of each composite layer and block.

Layers are named within their scope; from outside they are reached through it, as `tower/dense1`. Inside a scope the
word `input` is what flows into it. A composite's inside sees the names around it; a block's inside does not, so that a
block means the same wherever it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..suggest import did_you_mean
from ..wording import received

INPUT: Final = "input"
"""What a layer in a composite or block calls the value that flows into it."""

Sources = tuple[str, ...] | None
"""The values that flow on; None where the network has several inputs and none was chosen yet."""


@dataclass
class Scope:
    """Names of one chain of layers."""

    prefix: str
    """Of the full names: `` for the network, `tower/` inside the layer `tower`."""
    parent: Scope | None
    """The scope whose names are seen as well."""
    input: Sources
    names: Mapping[str, Any]
    """What formulas may mention."""
    within: tuple[str, ...] = ()
    root: bool = False
    lines: dict[str, int] = field(default_factory=dict)
    """Name -> line, of every entry of the chain, also of those to come."""
    made: list[str] = field(default_factory=list)
    """Names of the entries so far (and, in the network, of the inputs)."""
    uncertain: bool = False
    """Whether a malformed entry leaves automatic names in doubt."""

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, the nearest first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, name: str, values: Mapping[str, str]) -> str | None:
        """The layer or input that a name means here."""
        for scope in self.chain():
            if scope.prefix + name in values:
                return values[scope.prefix + name]
        return None

    def visible(self) -> list[str]:
        """The names that may be written here, without those inside other layers."""
        known = {name for scope in self.chain() for name in scope.made}
        return sorted(known if self.root else known | {INPUT})

    def explain(
        self, name: str, values: Mapping[str, str], own: str | None, what: str = "value", also: Iterable[str] = ()
    ) -> tuple[str, str] | None:
        """What is wrong with a name that means nothing here, and a hint; None where that cannot be told.

        `own` is the name of the layer that was to read it, and `also` are names that would do besides.
        """
        if name == own:
            return f"the layer '{name}' reads itself", "name a value from before it"
        first = name.partition("/")[0]
        for scope in self.chain():
            if first in scope.lines and first not in scope.made:
                message = f"the {what} '{name}' is made later, on line {scope.lines[first]}"
                return message, "a layer reads values from before it; move one of the two"
        automatic = re.fullmatch(r"[a-z_0-9]*[a-z_]\d+(/.*)?", name)
        if automatic and any(scope.uncertain for scope in self.chain()):
            return None
        return f"there is no {what} named {received(name)}", self._suggestion(name, values, also)

    def _suggestion(self, name: str, values: Mapping[str, str], also: Iterable[str]) -> str:
        for scope in self.chain():
            parts = name.split("/")
            for count in range(len(parts) - 1, 0, -1):
                outer = "/".join(parts[:count])
                start = f"{scope.prefix}{outer}/"
                inside = {f"{outer}/{rest.partition('/')[0]}" for rest in _rests(start, values)}
                if inside:
                    return did_you_mean(name, sorted(inside), f"values inside '{outer}'")
        return did_you_mean(name, sorted({*self.visible(), *also}), "values")


@dataclass
class Rows:
    """What a row of a value is: an example, or inside a `time_distributed` one step of one.

    Values whose rows differ in that must not meet in a layer.
    """

    lines: dict[str, int] = field(default_factory=dict)
    """Full name of every `time_distributed` so far -> the line that it is on."""

    def around(self, name: str) -> str | None:
        """The `time_distributed` that a layer is inside of, by their full names; of several the innermost."""
        while self.lines and "/" in name:
            name = name.rpartition("/")[0]
            if name in self.lines:
                return name
        return None

    def copy(self, group: str, name: str, line: int) -> None:
        """Remember those of a group of layers that is applied again under another name, on this line."""
        for known in [known for known in self.lines if known == group or known.startswith(f"{group}/")]:
            self.lines[name + known.removeprefix(group)] = line

    def refusal(self, name: str, value: str, scope: Scope) -> tuple[str, str] | None:
        """Why a layer of `scope` cannot read the layer or input `value`, written `name`, and a hint; None if it can."""
        if not self.lines:
            return None
        theirs, ours = self.around(value), self.around(f"{scope.prefix}{INPUT}")
        if theirs == ours:
            return None
        if theirs is not None and not f"{scope.prefix}{INPUT}".startswith(f"{theirs}/"):
            made = theirs.removeprefix(scope.prefix)
            message = f"'{name}' is one step, inside the time_distributed on line {self.lines[theirs]}"
            return message, f"read '{made}', what is made of all steps"
        assert ours is not None
        message = f"'{name}' is outside of the time_distributed on line {self.lines[ours]}, so it is not one step"
        hint = f"name it under `from` there, if it is a sequence as long; inside, '{name}' then means its step"
        return message, hint


def _rests(start: str, values: Mapping[str, str]) -> Iterator[str]:
    return (name[len(start) :] for name in values if name.startswith(start))
