"""What training makes small, and what it reports: losses, penalties and metrics over a built network.

One objective is the usual case. Several have parameters of their own each, and what a step reports as the loss is their
sum; no gradient is taken of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import BuildError, Diagnostic, SpecError, Step
from ..ir import DType, TensorType, Value, constant, graph_input, op, scope
from ..layer_context import BATCH
from ..layers.checks import require_one_of_mask_and_lengths, valid_steps
from ..losses import SequenceLoss
from ..losses.sequences import filled
from ..network import Forward, least, note_limit
from ..ops.cast import cast
from ..ops.shape_values import shape_value
from ..optimizers import ProximalOptimizer
from ..regularization import penalty
from ..spec.model import Spec
from ..spec.settings import LossEntry, MetricEntry, TrainingSettings
from ..variables import Variables
from .shares import Share
from .weights import example_weights, mean_loss


@dataclass(frozen=True)
class Target:
    """A value the network is compared with. `classes` bounds an integer label: 0 … classes-1."""

    value: Value
    classes: int | None = None
    step: Step | None = None
    """How it came by its type, for messages."""


@dataclass(frozen=True)
class LossTerm:
    """One of the losses: its mean over the batch times its share, and what that counts among other batches.

    The weight is the sum of the examples' weights; None where each example counts alike.
    """

    value: Value
    weight: Value | None = None


@dataclass(frozen=True)
class Objective:
    """A scalar loss of a batch over one forward graph, and the parameters that are to make it small."""

    share: Share
    loss: Value
    terms: Sequence[LossTerm]
    """The losses that `loss` adds up, beside the penalty."""
    penalty: Value | None
    """Of the parameters of its share."""
    descended: Value
    """What the gradients are those of: `loss`, without the L1 penalty where an optimizer handles that itself."""

    @property
    def reported(self) -> str | None:
        """The name of its loss among the metrics; None for the only objective, whose loss is `loss`."""
        name = self.share.objective.name
        return None if name is None else f"{name}.loss"


@dataclass(frozen=True)
class Objectives:
    """Everything that a spec makes small, and the sums of each metric, over one forward graph."""

    each: Sequence[Objective]
    loss: Value
    """The sum of the losses of all objectives."""
    metrics: Mapping[str, Mapping[str, Value]]

    @property
    def terms(self) -> list[LossTerm]:
        return [term for objective in self.each for term in objective.terms]

    @property
    def penalty(self) -> Value | None:
        return _sum([objective.penalty for objective in self.each if objective.penalty is not None])

    @property
    def named(self) -> Mapping[str, Objective]:
        """The objectives whose losses are reported one by one, by the names of these."""
        return {objective.reported: objective for objective in self.each if objective.reported is not None}


def declare_targets(spec: Spec, training: TrainingSettings, forward: Forward) -> dict[str, Target]:
    """The target inputs that the losses ask for, by name. A loss may also compare with a feature (an autoencoder).

    Raises SpecError where a loss does not fit its output or two losses want different targets of one name.
    """
    targets: dict[str, Target] = {}
    problems: list[Diagnostic] = []
    inputs = {item.name: forward.values[item.name] for item in spec.inputs}
    if not forward.prepared and all(value.dtype is DType.string for value in forward.features.values()):
        message = "there is nothing to train on: no layer makes numbers of the text"
        raise SpecError([Diagnostic(training.origin, message)])
    for entry in training.loss:
        output = forward.values[entry.from_]
        try:
            wanted = entry.loss.target_type(output.type)
            _require_examples(entry, output)
            if not isinstance(entry.target, str):
                _check_weights_and_lengths(entry, output.type)
                _check_constant(entry, entry.target, wanted, entry.loss.classes(output.type))
                continue
            known = inputs.get(entry.target) or (targets[entry.target].value if entry.target in targets else None)
            _agree(entry.target, None if known is None else known.type, wanted)
            classes = entry.loss.classes(output.type)
            if entry.target in inputs:
                if inputs[entry.target] is forward.features.get(entry.target):  # it comes as the data have it
                    note_limit(forward, entry.target, classes)
            else:
                value = known or graph_input(entry.target, wanted.dtype, wanted.shape)
                earlier = targets.get(entry.target)
                step = earlier.step if earlier else _step_to(entry, spec, forward, value)
                fewest = least(classes, earlier.classes if earlier else None)
                targets[entry.target] = Target(value, fewest, step)
            _check_weights_and_lengths(entry, output.type)
        except BuildError as error:
            problems.append(_diagnose(spec, entry, error, forward, targets))
    if problems:
        raise SpecError(problems)
    for entry in training.loss:
        name = entry.sample_weight
        if name is not None and name not in targets:
            targets[name] = Target(graph_input(name, DType.float32, next(iter(forward.features.values())).shape[:1]))
        name = entry.label_lengths
        if name is not None and name not in targets:
            targets[name] = Target(graph_input(name, DType.int64, forward.values[entry.from_].shape[:1]))
    return targets


def build_objectives(
    spec: Spec,
    training: TrainingSettings,
    forward: Forward,
    targets: Mapping[str, Target],
    shares: Sequence[Share],
    variables: Variables,
) -> Objectives:
    """Losses and metric sums of one forward graph. The penalty on the parameters of a share is part of its loss."""
    problems: list[Diagnostic] = []
    valid: dict[str, Value | None] = {}
    known = {item.name: forward.values[item.name] for item in spec.inputs}
    known |= {name: target.value for name, target in targets.items()}
    each = []
    for share in shares:
        terms = [_term(spec, entry, forward, known, valid, problems) for entry in share.objective.loss]
        regularized = [variables.values[name] for name in share.parameters if variables.declared[name].regularized]
        each.append(_objective(training, share, terms, regularized))
    loss = _sum([objective.loss for objective in each])
    assert loss is not None  # the schema asks for at least one
    metrics = _metric_sums(spec, training, forward, targets, known, valid, problems)
    if problems:
        raise SpecError(problems)
    return Objectives(each, loss, metrics)


def _term(
    spec: Spec,
    entry: LossEntry,
    forward: Forward,
    known: dict[str, Value],
    valid: dict[str, Value | None],
    problems: list[Diagnostic],
) -> LossTerm:
    """A loss over the batch. `valid` learns which steps it counts, for metrics with the same target."""
    with scope(f"loss/{entry.target}", entry.origin):
        elements, weights, steps = _judge(spec, entry, forward, known, problems)
        if isinstance(entry.target, str):
            valid[entry.target] = steps
        mean, weight = mean_loss(elements, weights)
        if forward.mixing is not None:
            mixing = forward.mixing
            read = [name for name in (entry.target, entry.sample_weight, entry.label_lengths) if isinstance(name, str)]
            others = {**known, **{name: mixing.partner(known[name]) for name in read}}
            mean = mixing.mix(mean, mean_loss(*_judge(spec, entry, forward, others, problems)[:2])[0])
        return LossTerm(mean if entry.weight == 1 else mean * entry.weight, weight)


def _objective(
    training: TrainingSettings, share: Share, terms: Sequence[LossTerm], regularized: Sequence[Value]
) -> Objective:
    loss = _sum([term.value for term in terms])
    assert loss is not None  # the schema asks for at least one
    settings = training.regularization
    with scope("regularization", training.origin):
        extra = penalty(regularized, settings.l1, settings.l2)
        smooth = penalty(regularized, 0.0, settings.l2)
    whole = loss if extra is None else loss + extra
    if not isinstance(share.objective.optimizer.optimizer, ProximalOptimizer):
        return Objective(share, whole, terms, extra, whole)
    return Objective(share, whole, terms, extra, loss if smooth is None else loss + smooth)


def _sum(values: Sequence[Value]) -> Value | None:
    total = None
    for value in values:
        total = value if total is None else total + value
    return total


def _metric_sums(
    spec: Spec,
    training: TrainingSettings,
    forward: Forward,
    targets: Mapping[str, Target],
    known: Mapping[str, Value],
    valid: Mapping[str, Value | None],
    problems: list[Diagnostic],
) -> dict[str, Mapping[str, Value]]:
    """The sums of each metric, over the steps that the loss with its target counts."""
    metrics: dict[str, Mapping[str, Value]] = {}
    for metric in training.metrics:
        output = forward.values[metric.from_]
        if metric.name in known or metric.name in forward.prepared:  # `step` has them as inputs, and metrics as outputs
            message = f"'{metric.name}' is the name of an input of the training graphs"
            origin = spec.origin_of((*metric.path, "name"))
            problems.append(Diagnostic(origin, message, "give the metric another name"))
            continue
        try:
            target = known[metric.target]
            metric.metric.check(output.type, target.type)
            _agree_on_blank(training, metric)
            with scope(f"metric/{metric.name}", metric.origin):
                steps = valid.get(metric.target)
                if steps is None:
                    metrics[metric.name] = metric.metric.sums(output, target)
                else:
                    metrics[metric.name] = metric.metric.sums_of_valid(output, target, steps)
        except BuildError as error:
            problems.append(_diagnose(spec, metric, error, forward, targets))
    return metrics


def _agree_on_blank(training: TrainingSettings, metric: MetricEntry) -> None:
    """Raise BuildError for a metric of rows of labels that would read them otherwise than their loss."""
    for entry in training.loss:
        if isinstance(entry.loss, SequenceLoss) and entry.target == metric.target:
            loss, own = entry.loss.padding, metric.metric.padding
            if own is not None and own != loss:
                message = f"the loss of '{metric.target}' has the blank {loss}, this metric {own}"
                raise BuildError(message, f"write {{{metric.metric.kind}: {{blank: {loss}}}}}", ("blank",))


def _constant_target(entry: LossEntry, number: float, output: Value) -> Value:
    """A target that is the same number everywhere, in the type that the loss asks for."""
    wanted = entry.loss.target_type(output.type)
    filling = int(number) if wanted.dtype.is_integer else number
    return op.Expand(constant(np.array(filling), wanted.dtype), shape_value(wanted.shape, output))


def _check_constant(entry: LossEntry, number: float, wanted: TensorType, classes: int | None) -> None:
    """Raise BuildError for a number that no target can be."""
    if isinstance(entry.loss, SequenceLoss):
        message = f"'{entry.loss.kind}' compares with rows of labels, which no number is"
        raise BuildError(message, "name a column of the data", ("target",))
    low, high = entry.loss.target_range or (number, number)
    if not low <= number <= high:
        message = f"'{entry.loss.kind}' compares with numbers from {low:g} to {high:g}, received {number:g}"
        raise BuildError(message, path=("target",))
    if not wanted.dtype.is_integer:
        return
    most = None if classes is None else classes - 1
    if number != int(number) or number < 0 or (most is not None and number > most):
        bound = "0 on" if most is None else f"0 to {most}"
        raise BuildError(f"a class is a whole number from {bound}, received {number:g}", path=("target",))


def _judge(
    spec: Spec, entry: LossEntry, forward: Forward, known: dict[str, Value], problems: list[Diagnostic]
) -> tuple[Value, Value | None, Value | None]:
    """The elements of a loss, how much each counts (None: all alike), and which steps do, (batch, time) of 0 and 1.

    `known` then has a row of labels with the loss's own padding, for metrics to read.
    """
    output, loss = forward.values[entry.from_], entry.loss
    if not isinstance(entry.target, str):
        target = _constant_target(entry, entry.target, output)
        elements = loss.elements(output, target)
        steps = _valid_steps(spec, entry, forward, elements, problems)
        valid = None if steps is None else cast(steps, elements.dtype)
        return elements, example_weights(entry, known, elements, target, valid), valid
    if isinstance(loss, SequenceLoss):
        if entry.label_lengths is not None:
            known[entry.target] = filled(known[entry.target], known[entry.label_lengths], loss.padding)
        steps = _valid_steps(spec, entry, forward, output, problems)
        elements = loss.elements_of_valid(output, known[entry.target], steps)
        valid = None if steps is None else cast(steps, elements.dtype)
        return elements, example_weights(entry, known, elements, known[entry.target]), valid
    elements = loss.elements(output, known[entry.target])
    steps = _valid_steps(spec, entry, forward, elements, problems)
    valid = None if steps is None else cast(steps, elements.dtype)
    return elements, example_weights(entry, known, elements, known[entry.target], valid), valid


def _valid_steps(
    spec: Spec, entry: LossEntry, forward: Forward, elements: Value, problems: list[Diagnostic]
) -> Value | None:
    """Which steps of its sequences a loss counts, booleans (batch, time) of the elements; None for all."""
    if entry.mask is None and entry.lengths is None:
        return None
    try:
        return _steps_that_count(entry, forward, elements)
    except BuildError as error:
        problems.append(_diagnose(spec, entry, error, forward, {}))
        return None


def _steps_that_count(entry: LossEntry, forward: Forward, elements: Value) -> Value:
    field, name = ("mask", entry.mask) if entry.mask is not None else ("lengths", entry.lengths)
    assert name is not None
    require_one_of_mask_and_lengths(entry.mask, entry.lengths)
    output = forward.values[entry.from_]
    if elements.rank < 2 or (output.rank == 2 and isinstance(output.shape[1], int)):
        message = f"'{entry.from_}' is no sequence, so it has no steps to leave out"
        raise BuildError(message, f"remove '{field}'", (field,))
    return valid_steps(field, forward.values[name], elements)


def _check_weights_and_lengths(entry: LossEntry, output: TensorType) -> None:
    """Raise BuildError for columns and weights that the loss has no use for."""
    rows_of_labels = isinstance(entry.loss, SequenceLoss)
    if entry.label_lengths is not None and not rows_of_labels:
        message = "label_lengths are for a loss whose target is a row of labels of its own length"
        raise BuildError(message, "for steps that do not count give `lengths` or a `mask`", ("label_lengths",))
    if entry.class_weights is None:
        return
    if rows_of_labels:
        message = "class_weights are for a loss with one label an element, this one judges rows of labels"
        raise BuildError(message, "weigh whole examples with `sample_weight`", ("class_weights",))
    classes = entry.loss.classes(output)
    if classes is None:
        raise BuildError(
            "class_weights are for a target of classes",
            "weigh single examples with `sample_weight`",
            ("class_weights",),
        )
    if len(entry.class_weights) != classes:
        raise BuildError(
            f"needs a weight for each of the {classes} classes, received {len(entry.class_weights)}",
            path=("class_weights",),
        )


def _require_examples(entry: LossEntry, output: Value) -> None:
    if output.shape[:1] != (BATCH,):
        raise BuildError(
            f"a loss compares examples, but '{entry.from_}' has no batch axis: {output.type}",
            "judge a value that depends on an input",
        )


def _agree(target: str, known: TensorType | None, wanted: TensorType) -> None:
    if known is not None and known != wanted:
        message = f"the target '{target}' is {known} already, this loss needs {wanted}"
        raise BuildError(message, "compare it with another one: `target: …`")


def _step_to(entry: LossEntry, spec: Spec, forward: Forward, target: Value) -> Step:
    """A target takes its type from what the first loss with it judges."""
    return forward.trail.step(str(entry.target), spec.origin_of((*entry.path, "target")), [entry.from_], target.type)


def _diagnose(
    spec: Spec, entry: LossEntry | MetricEntry, error: BuildError, forward: Forward, targets: Mapping[str, Target]
) -> Diagnostic:
    """The mistake at its place, with how the judged value and what it is compared with came about."""
    reads, also = [entry.from_], []
    known = targets.get(entry.target) if isinstance(entry.target, str) else None
    if isinstance(entry.target, str) and (known is not None or entry.target in forward.trail.steps):
        reads.append(entry.target)
        also = [known.step] if known is not None and known.step is not None else []
    name = entry.loss.kind if isinstance(entry, LossEntry) else entry.name
    shapes = forward.trail.to(forward.trail.step(name, entry.origin, reads), also=also)
    return Diagnostic(spec.origin_of(entry.path + error.path), error.message, error.hint, shapes)
