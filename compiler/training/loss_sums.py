"""The loss over a data set from sums over batches, which need not be equally large or weigh the same.

Of a single loss, and of losses that count every example alike, Σ loss·weight / Σ weight is the mean. Where several
losses are weighted by examples, each is a mean by weights of its own: the sums are kept apart, and their ratios added.
"""

from __future__ import annotations

from typing import Literal

from ..ir import DType, Value, op, scope
from ..network import Forward
from .objective import LossTerm, Objective, Objectives


def loss_finalize(objective: Objective | Objectives) -> Literal["ratio", "sum_of_ratios"]:
    """How the sums become the loss: a row of the table in docs/architecture.md."""
    return "sum_of_ratios" if len(_groups(objective)) > 1 else "ratio"


def loss_sum_names(objective: Objective | Objectives, name: str = "loss") -> list[str]:
    """`loss.sum`, `loss.weight`, and a pair such as `loss.1.sum`, `loss.1.weight` for each further loss kept apart.

    `name` is what the loss is reported as.
    """
    stems = [name, *(f"{name}.{number}" for number in range(1, len(_groups(objective))))]
    return [f"{stem}.{part}" for stem in stems for part in ("sum", "weight")]


def loss_sums(objective: Objective | Objectives, forward: Forward, name: str = "loss") -> dict[str, Value]:
    """The loss of a batch times its weight, and the weight, by the names above. The first holds the penalty as well."""
    values: list[Value] = []
    groups = _groups(objective)
    with scope("evaluate"):
        rows = batch_size_of(forward)
        first = objective.loss
        if len(groups) > 1:
            alone, penalty = groups[0].value, objective.penalty
            first = alone if penalty is None else alone + penalty
        for term, value in zip(groups, [first, *(term.value for term in groups[1:])], strict=True):
            weight = rows if term.weight is None else term.weight
            values += [value * weight, weight]
    return dict(zip(loss_sum_names(objective, name), values, strict=True))


def _groups(objective: Objective | Objectives) -> list[LossTerm]:
    """The terms whose sums are kept apart."""
    terms = list(objective.terms)
    return terms if any(term.weight is not None for term in terms) else terms[:1]


def batch_size_of(forward: Forward) -> Value:
    """The number of examples in the batch as a float32 scalar; a constant once a session fixes the batch axis."""
    feature = next(iter(forward.features.values()))
    size = op.Cast(op.Shape(feature, start=0, end=1), to=DType.float32.code)
    return op.Reshape(size, [])
