"""The two ways a run can fail that are not netwright's fault. `cli` prints them; a traceback means a bug in netwright.

Both carry one plain message (what is wrong, where, what was received) and an optional hint (what to do about it).
"""

from __future__ import annotations

from typing import ClassVar


class RuntimeProblem(Exception):
    """Base of the failures a person can do something about: a message, a hint, and the exit code of the command."""

    exit_code: ClassVar[int]

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[RuntimeProblem], tuple[str, str | None]]:
        """Keep the hint when the error crosses a process boundary."""
        return type(self), (self.message, self.hint)


class UserError(RuntimeProblem):
    """What the person gave is wrong: a file, a value, a column, a checkpoint. Exit code 1."""

    exit_code = 1


class EnvironmentProblem(RuntimeProblem):
    """The machine cannot do it: no CUDA, no space on the disk, no permission, no package manager. Exit code 3."""

    exit_code = 3
