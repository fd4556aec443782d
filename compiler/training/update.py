"""From gradients to the next state: clipping, the scheduled rate, the optimizer; for each objective its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import BuildError, Diagnostic, SpecError
from ..initializers.constant import Constant
from ..ir import DType, Value, constant, op, scope
from ..optimizers import Optimizer, ProximalOptimizer
from ..schedules.base import Horizon, Schedule
from ..spec.model import Spec
from ..spec.settings import ObjectiveEntry, OptimizerEntry, TrainingSettings
from ..state import State
from ..variables import Variables
from .packing import join, packs, part
from .shares import Share

STEP = "step"
RANDOM_COUNTER = "random_counter"
LEARNING_RATE_SCALE = "learning_rate_scale"


@dataclass(frozen=True)
class Counters:
    """The scalars every training step reads."""

    step: Value
    random_counter: Value
    learning_rate_scale: Value


def declare_counters(variables: Variables) -> Counters:
    """Step (int64, from 0), random counter (int64, from the seed), learning-rate scale (float32, from 1)."""
    zero, one = Constant(value=0.0), Constant(value=1.0)
    return Counters(
        variables.declare(State(STEP, (), "counter", zero, dtype=DType.int64, trainable=False)),
        variables.declare(State(RANDOM_COUNTER, (), "counter", zero, dtype=DType.int64, trainable=False)),
        variables.declare(State(LEARNING_RATE_SCALE, (), "scale", one, trainable=False)),
    )


def slot_name(parameter: str, slot: str) -> str:
    return f"optimizer/{parameter}/{slot}"


def declare_slots(optimizer: Optimizer, parameters: Sequence[State], variables: Variables) -> None:
    """The optimizer's tensors for each parameter."""
    for parameter in parameters:
        for slot, initial in optimizer.slots().items():
            name = slot_name(parameter.name, slot)
            start = Constant(value=initial)
            variables.declare(State(name, parameter.shape, "slot", start, trainable=False, origin=parameter.origin))


def build_update(
    spec: Spec,
    training: TrainingSettings,
    gradients: Mapping[str, Value],
    shares: Sequence[Share],
    variables: Variables,
    counters: Counters,
    horizon: Horizon,
) -> dict[str, Value]:
    """The next value of every parameter, slot, counter and scale. `gradients` are by parameter name.

    Every objective starts from the same parameters: none sees what another has made of its own in this step.
    """
    following: dict[str, Value] = {}
    for share in shares:
        own = {name: gradients[name] for name in share.parameters if name in gradients}
        following |= _update_share(spec, training, share.objective, own, variables, counters, horizon)
    following[STEP] = counters.step + 1
    following[RANDOM_COUNTER] = counters.random_counter + 1
    following[LEARNING_RATE_SCALE] = counters.learning_rate_scale
    return following


def _update_share(
    spec: Spec,
    training: TrainingSettings,
    objective: ObjectiveEntry,
    gradients: Mapping[str, Value],
    variables: Variables,
    counters: Counters,
    horizon: Horizon,
) -> dict[str, Value]:
    """The next value of the parameters of one objective, and of their slots."""
    entry = objective.optimizer
    gradients = clip_by_global_norm(gradients, training.clip_global_norm)
    with scope("optimizer", entry.origin):
        # float32 counts exactly to 2^24 steps; beyond, schedules move in steps of two
        before = op.Cast(counters.step, to=DType.float32.code)
        rate = scheduled_rate(spec, entry, before, horizon) * counters.learning_rate_scale
        number = before + 1.0
    following: dict[str, Value] = {}
    for names in _packs(entry.optimizer, gradients, variables):
        currents = [variables.values[name] for name in names]
        with scope(f"optimizer/{names[0] if len(names) == 1 else 'small'}", entry.origin):
            parameter, slots = _updated(training, entry.optimizer, names, gradients, variables, rate, number)
            following.update(zip(names, part(parameter, currents), strict=True))
            for slot, value in slots.items():
                following.update(zip((slot_name(name, slot) for name in names), part(value, currents), strict=True))
    return following


def _packs(optimizer: Optimizer, gradients: Mapping[str, Value], variables: Variables) -> list[tuple[str, ...]]:
    """The parameters in groups to update together; one by one where an optimizer is not elementwise."""
    if not optimizer.elementwise:
        return [(name,) for name in gradients]
    penalised = isinstance(optimizer, ProximalOptimizer)  # by it, those that L1 applies to
    return packs(gradients, alike=lambda name: penalised and variables.declared[name].regularized)


def _updated(
    training: TrainingSettings,
    optimizer: Optimizer,
    names: Sequence[str],
    gradients: Mapping[str, Value],
    variables: Variables,
    rate: Value,
    number: Value,
) -> tuple[Value, Mapping[str, Value]]:
    """The next value of joined parameters, and of their joined slots."""
    current = join([variables.values[name] for name in names])
    gradient = join([gradients[name] for name in names])
    slots = {slot: join([variables.values[slot_name(name, slot)] for name in names]) for slot in optimizer.slots()}
    if not isinstance(optimizer, ProximalOptimizer):
        return optimizer.update(current, gradient, slots, rate, number)
    l1 = training.regularization.l1 if variables.declared[names[0]].regularized else 0.0
    return optimizer.proximal_update(current, gradient, slots, rate, number, l1=l1)


def clip_by_global_norm(gradients: Mapping[str, Value], largest: float | None) -> Mapping[str, Value]:
    """Scale all gradients by min(1, largest / their joint L2 norm) (Pascanu et al. 2013)."""
    if largest is None or not gradients:
        return gradients
    with scope("clip"):
        squares = [op.ReduceSumSquare(gradient, keepdims=0) for gradient in gradients.values()]
        norm = op.Sqrt(op.Sum(*squares))
        factor = op.Min(largest / op.Max(norm, 1e-12), 1.0)
        return {name: gradient * factor for name, gradient in gradients.items()}


def check_schedule(spec: Spec, training: TrainingSettings) -> None:
    """Raises SpecError for what is wrong with the schedule of an optimizer whatever the size of the data."""
    step = constant(0.0, DType.float32)
    found = []
    for steps_per_epoch in (1, 1_000_000):
        horizon = Horizon(steps_per_epoch, steps_per_epoch * training.epochs)
        try:
            for objective in training.objectives:
                scheduled_rate(spec, objective.optimizer, step, horizon)
        except SpecError as error:
            found.append(error)
    if len(found) == 2 and str(found[0]) == str(found[1]):
        raise found[0]


def scheduled_rate(spec: Spec, entry: OptimizerEntry, step: Value, horizon: Horizon) -> Value:
    """The learning rate at a step counted from 0 (a float32 scalar, as is the rate). Raises SpecError."""
    rate = getattr(entry.optimizer, "learning_rate")  # noqa: B009 - declared by every subclass
    if not isinstance(rate, Schedule):
        return constant(float(rate), DType.float32)
    try:
        return rate.rate(step, horizon)
    except BuildError as error:
        path = (*entry.path, "learning_rate", rate.kind, *error.path)
        raise SpecError([Diagnostic(spec.origin_of(path), error.message, error.hint)]) from None
