"""Several forms of one computation, equal but not equally fast: which of them is built, and what there was to choose.

A rule that knows more than one form calls `choose` with its own default. Whoever compiles may answer differently, by
measurements on the machine that will train, inside `choosing`; there is then also a record of every question met.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from .value import TensorType, Value

Build = Callable[..., Value]


@dataclass(frozen=True)
class Question:
    """A choice among forms: functions of values of these types, which compute the same. `subject` says of what."""

    subject: str
    inputs: tuple[TensorType, ...]
    forms: Mapping[str, Build]
    default: str


@dataclass
class Choices:
    """Answers by subject, and the questions met while they were in force, with more forms than one."""

    answers: Mapping[str, str] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)


_choices: ContextVar[Choices | None] = ContextVar("choices", default=None)


@contextlib.contextmanager
def choosing(answers: Mapping[str, str]) -> Iterator[Choices]:
    """What is built inside takes the answered forms, and the default ones elsewhere."""
    choices = Choices(answers)
    token = _choices.set(choices)
    try:
        yield choices
    finally:
        _choices.reset(token)


def choose(subject: str, forms: Mapping[str, Build], default: str, *inputs: Value) -> Value:
    """The computation of `inputs` in the form that was answered for `subject`, or in the default one."""
    choices = _choices.get()
    if choices is None or len(forms) == 1:
        return forms[default](*inputs)
    choices.questions.setdefault(subject, Question(subject, tuple(value.type for value in inputs), forms, default))
    return forms[choices.answers.get(subject, default)](*inputs)
