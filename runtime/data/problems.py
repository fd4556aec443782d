"""Several independent jobs, whose problems are told together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from ..errors import UserError

T = TypeVar("T")


def all_or_problems(jobs: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """The results of all jobs. Raises one UserError with the messages and hints of all that failed."""
    problems: list[UserError] = []
    results = {}
    for name, job in jobs.items():
        try:
            results[name] = job()
        except UserError as error:
            problems.append(error)
    if problems:
        hints = dict.fromkeys(line for problem in problems for line in (problem.hint or "").splitlines())
        raise UserError("\n".join(problem.message for problem in problems), "\n".join(hints) or None)
    return results
