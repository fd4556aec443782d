"""What there is to train: parameters that are not frozen, and losses that depend on them."""

from __future__ import annotations

import fnmatch
from itertools import islice

from ..errors import Diagnostic, SpecError
from ..ir import reachable
from ..spec.model import Spec
from ..spec.settings import TrainingSettings
from ..variables import Variables
from .objective import Objectives
from .shares import Share, fits_nothing


def freeze(spec: Spec, training: TrainingSettings, variables: Variables) -> None:
    """Take the parameters that `training.frozen` names out of training. A pattern that fits none is a mistake."""
    parameters = list(variables.of_kind("parameter"))
    problems = []
    for index, pattern in enumerate(training.frozen):
        matching = fnmatch.filter(parameters, pattern)
        if not matching:
            problems.append(fits_nothing(spec.origin_of(("training", "frozen", index)), pattern, parameters))
        variables.freeze(matching)
    if problems:
        raise SpecError(problems)


def require_trained(spec: Spec, training: TrainingSettings, variables: Variables, objectives: Objectives) -> None:
    """Raises SpecError where an objective would change nothing: its losses depend on no parameter that it trains."""
    for objective in objectives.each:
        trained = [variables.values[name] for name in objective.share.parameters]
        read = {value for node in reachable([term.value for term in objective.terms]) for value in node.given_inputs}
        if not any(value in read for value in trained):
            raise SpecError([_without_effect(spec, training, variables, objective.share)])


def _without_effect(spec: Spec, training: TrainingSettings, variables: Variables, share: Share) -> Diagnostic:
    parameters = variables.of_kind("parameter")
    if share.objective.name is not None:
        reason = f"the loss of '{share.objective.name}' depends on no parameter that it trains"
        return Diagnostic(share.objective.origin, reason, "judge a value that such a layer makes")
    origin = training.origin
    if share.parameters:
        reason, hint = "the loss depends on no parameter that is trained", "judge a value that such a layer makes"
    elif parameters:
        origin = spec.origin_of(("training", "frozen"))
        reason, hint = "every parameter is frozen", f"the parameters are {', '.join(islice(parameters, 12))}"
    else:
        reason, hint = "the network has no parameters", "add a layer that learns, or remove the section"
    return Diagnostic(origin, f"there is nothing to train: {reason}", hint)
