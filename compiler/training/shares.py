"""Which objective trains which parameters: each parameter that is not frozen belongs to exactly one."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ..errors import Diagnostic, Origin, SpecError
from ..spec.model import Spec
from ..spec.settings import ObjectiveEntry, TrainingSettings
from ..variables import Variables

_NAMED = 12
"""Parameters that a message lists."""


@dataclass(frozen=True)
class Share:
    """An objective and the parameters that it alone changes, in the order of the state."""

    objective: ObjectiveEntry
    parameters: tuple[str, ...]


def share_out(spec: Spec, training: TrainingSettings, variables: Variables) -> list[Share]:
    """The share of each objective, once frozen parameters are out.

    Raises SpecError for a pattern that fits nothing, a parameter of two objectives, and one of none.
    """
    trained = [state.name for state in variables.of_kind("parameter").values() if state.trainable]
    if training.objectives[0].name is None:
        return [Share(training.objectives[0], tuple(trained))]
    problems: list[Diagnostic] = []
    owners: dict[str, str] = {}
    for objective in training.objectives:
        for index, pattern in enumerate(objective.trains):
            problems += _claim(spec, variables, objective, index, pattern, owners)
    left = [name for name in trained if name not in owners]
    if left and not problems:
        message = f"no objective trains {_listed(left)}"
        hint = "add them to what one of the objectives `trains`, or to training.frozen"
        problems.append(Diagnostic(spec.origin_of(("training", "objectives")), message, hint))
    if problems:
        raise SpecError(problems)
    return [
        Share(objective, tuple(name for name in trained if owners[name] == objective.name))
        for objective in training.objectives
    ]


def _claim(
    spec: Spec, variables: Variables, objective: ObjectiveEntry, index: int, pattern: str, owners: dict[str, str]
) -> list[Diagnostic]:
    """Give an objective the parameters that fit one of its patterns; what is wrong with it."""
    assert objective.name is not None
    parameters = variables.of_kind("parameter")
    path = (*objective.path, "trains")
    origin = spec.origin_of((*path, index))
    matching = fnmatch.filter(parameters, pattern)
    if not matching:
        return [fits_nothing(origin, pattern, list(parameters))]
    free = [name for name in matching if parameters[name].trainable]
    if not free:
        hint = "leave it out of `trains`, or out of training.frozen"
        return [Diagnostic(origin, f"every parameter that fits '{pattern}' is frozen", hint)]
    taken = [name for name in free if owners.get(name, objective.name) != objective.name]
    owners.update((name, objective.name) for name in free if name not in taken)
    if not taken:
        return []
    message = f"the objective '{owners[taken[0]]}' trains {_listed(taken)} already"
    return [Diagnostic(origin, message, "one objective trains a parameter; let several losses be one objective's list")]


def fits_nothing(origin: Origin, pattern: str, parameters: Sequence[str]) -> Diagnostic:
    """What is said about a pattern of parameter names, in `trains` or in `frozen`, that fits none."""
    if not parameters:
        hint = "the network has none"
    elif fnmatch.filter(parameters, f"{pattern}/*"):
        hint = f"to mean all parameters of a layer write '{pattern}/*'"
    else:
        hint = f"the parameters are {_listed(parameters)}"
    return Diagnostic(origin, f"no parameter fits '{pattern}'", hint)


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    listed = ", ".join(islice(names, _NAMED))
    return f"{listed} and {rest} more" if rest > 0 else listed
