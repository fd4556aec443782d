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
class Diagnostic:
    """One mistake: where it is, what is wrong (with the received value), and what to do about it."""

    origin: Origin
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        lines = [f"{self.origin}: {self.message}", *(f"  {use}" for use in self.origin.uses)]
        return "\n".join([*lines, f"  hint: {self.hint}"] if self.hint else lines)

    def as_json(self) -> dict[str, object]:
        """The form `netwright validate --json` prints."""
        within = {"within": list(self.origin.within)} if self.origin.within else {}
        return {**self.origin.as_json(), "message": self.message, "hint": self.hint, **within}


class SpecError(Exception):
    """All the mistakes one stage found, sorted by place. The user's input is wrong: exit code 1."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(diagnostics, key=lambda d: (d.origin.file, d.origin.line, d.origin.column, d.message))
        super().__init__("\n".join(str(d) for d in self.diagnostics))


class BuildError(Exception):
    """A mistake found while building a graph, not yet tied to a place; whoever knows the place adds it."""

    def __init__(self, message: str, hint: str | None = None, path: tuple[str | int, ...] = ()) -> None:
        self.message = message
        self.hint = hint
        self.path = path  # relative to the element being built, e.g. ("units",)
        super().__init__(message)


class InternalError(Exception):
    """The compiler broke one of its own rules; a bug to report, never the user's mistake."""
