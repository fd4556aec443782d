"""What the compiler tells a person: diagnostics with a place, a reason and a hint.

Nothing else in the compiler may be imported from here; every other module may import this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Origin:
    """A place in a spec: file, 1-based line and column, and the path of keys that leads there."""

    file: str
    line: int
    column: int
    path: str
    within: tuple[str, ...] = field(default=(), compare=False)
    """How text that stands elsewhere came to be used, the nearest use first: `in block 'stem' used on line 12`."""

    @property
    def uses(self) -> tuple[str, ...]:
        """`within`, shortened to what a person reads."""
        return self.within if len(self.within) <= 6 else (*self.within[:3], "…", *self.within[-2:])

    def as_json(self) -> dict[str, object]:
        """The place alone."""
        return {"file": self.file, "line": self.line, "column": self.column, "path": self.path}

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.path}" if self.path else place


@dataclass(frozen=True)
class Step:
    """A value on the way to a mistake: where it is written, what it is made of, and its type."""

    origin: Origin
    name: str
    reads: tuple[str, ...] = ()
    type: str = ""
    """`(batch, 8)`, with the dtype before it where that is not float32; empty for what could not be made."""

    def __str__(self) -> str:
        """`net.yaml:7:5: image → flatten1 (batch, 64)`."""
        reads = self.reads if len(self.reads) <= 6 else (*self.reads[:4], "…", self.reads[-1])
        made = f"{self.name} {self.type}" if self.type else self.name
        whole = f"{', '.join(reads)} → {made}" if reads else made
        place = f"{self.origin.file}:{self.origin.line}:{self.origin.column}"
        return ", ".join([f"{place}: {whole}", *self.origin.uses])

    def as_json(self) -> dict[str, object]:
        """One of the `shapes` of a diagnostic."""
        within = {"within": list(self.origin.within)} if self.origin.within else {}
        return {**self.origin.as_json(), "name": self.name, "reads": list(self.reads), "type": self.type, **within}


@dataclass(frozen=True)
class Diagnostic:
    """One mistake: where it is, what is wrong (with the received value), and what to do about it."""

    origin: Origin
    message: str
    hint: str | None = None
    shapes: tuple[Step, ...] = ()
    """Where shapes do not fit: how they came about, in the order of computation, the mistake last."""

    @property
    def trail(self) -> list[str]:
        """The lines that say how the shapes came about; none where shapes are not what is wrong."""
        if not self.shapes:
            return []
        shown = {step.name for step in self.shapes}
        complete = all(name in shown for step in self.shapes for name in step.reads)
        return ["shapes:", *([] if complete else ["  …"]), *(f"  {step}" for step in self.shapes)]

    def __str__(self) -> str:
        notes = [*self.origin.uses, *self.trail, *([f"hint: {self.hint}"] if self.hint else [])]
        return "\n".join([f"{self.origin}: {self.message}", *(f"  {note}" for note in notes)])

    def as_json(self) -> dict[str, object]:
        """The form `netwright validate --json` prints: the message with the trail of shapes, and that step by step."""
        entry: dict[str, object] = {
            **self.origin.as_json(),
            "message": "\n  ".join([self.message, *self.trail]),
            "hint": self.hint,
        }
        if self.origin.within:
            entry["within"] = list(self.origin.within)
        if self.shapes:
            entry["shapes"] = [step.as_json() for step in self.shapes]
        return entry


class SpecError(Exception):
    """All the mistakes one stage found, sorted by place. The user's input is wrong: exit code 1."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(diagnostics, key=lambda d: (d.origin.file, d.origin.line, d.origin.column, d.message))
        super().__init__("\n".join(str(d) for d in self.diagnostics))


class BuildError(Exception):
    """A mistake found while building a graph, not yet tied to a place; whoever knows the place adds it."""

    def __init__(
        self, message: str, hint: str | None = None, path: tuple[str | int, ...] = (), *, state: str | None = None
    ) -> None:
        self.message = message
        self.hint = hint
        self.path = path  # relative to the element being built, e.g. ("units",)
        self.state = state  # the state tensor of another layer that it does not agree with
        super().__init__(message)


class InternalError(Exception):
    """The compiler broke one of its own rules; a bug to report, never the user's mistake."""
