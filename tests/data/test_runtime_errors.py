"""The two failures a person can do something about."""

from __future__ import annotations

import pickle

import pytest
from netwright.runtime.errors import EnvironmentProblem, RuntimeProblem, UserError


@pytest.mark.parametrize(("kind", "code"), [(UserError, 1), (EnvironmentProblem, 3)])
def test_message_hint_and_exit_code(kind: type[RuntimeProblem], code: int) -> None:
    error = kind("the file is empty", "write something into it")
    assert (str(error), error.message, error.hint) == (
        "the file is empty",
        "the file is empty",
        "write something into it",
    )
    assert error.exit_code == code
    assert kind("no hint").hint is None


def test_the_hint_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(UserError("wrong", "do this")))
    assert isinstance(error, UserError)
    assert (error.message, error.hint) == ("wrong", "do this")
