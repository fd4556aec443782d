"""The graphs of a bundle, built from one spec over one set of state values."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType

from .. import random
from ..autodiff import gradients
from ..errors import BuildError, Diagnostic, SpecError
from ..ir import DType, Graph, Node, Value, graph_input, reachable, scope
from ..layer_context import Carrying
from ..network import Forward, build_forward
from ..ops.cast import cast
from ..passes import PASSES, Pass, choose_conv_forms, optimize, pool_before_relu, use_signed_integers
from ..precision import in_half, supported
from ..schedules.base import Horizon
from ..spec.model import Spec
from ..spec.settings import TrainingSettings
from ..state import State
from ..trail import Trail
from ..variables import Variables
from .fitting import FittingStep, build_fitting
from .loss_sums import loss_sums
from .objective import Objectives, Target, build_objectives, declare_targets
from .ort_training import (
    API_GRAPHS,
    EVAL_MODEL,
    TRAINING_MODEL,
    ApiOptimizer,
    build_optimizer,
    check_optimizer,
    decayed,
    declare_moments,
    gradient_name,
    refuse_carried,
    refuse_drawn,
)
from .scaling import Scaling, all_finite, declare_scaling, hold, next_scaling, unscaled
from .shares import Share, fits_nothing, share_out
from .step_form import StepForm, add_step_form
from .update import RANDOM_COUNTER, build_update, declare_counters, declare_slots

SEED = "seed"
LEARNING = ("step", "gradients")
"""The graphs that differentiate, over weights that change."""


@dataclass
class Graphs:
    """Every graph of a bundle by name, with what the manifest says about their values."""

    graphs: dict[str, Graph]
    forward: Forward
    variables: Variables
    targets: dict[str, Target] = field(default_factory=dict)
    objectives: Objectives | None = None
    """Of the evaluation graph."""
    fitting: list[FittingStep] = field(default_factory=list)
    api_optimizer: ApiOptimizer | None = None
    """Of the graphs for ONNX Runtime's training API."""
    step_form: StepForm = field(default_factory=StepForm)
    """What goes into `inference_step` besides features."""

    @property
    def prepared(self) -> Mapping[str, Value]:
        """The inputs of the graphs that train which `prepare` makes of text."""
        return self.forward.prepared

    @property
    def state(self) -> dict[str, State]:
        """Every state tensor, those of the network first."""
        return self.variables.declared


def build_graphs(
    spec: Spec,
    horizon: Horizon,
    passes: Sequence[Pass] = PASSES,
    vocabularies: Mapping[str, Sequence[str]] = MappingProxyType({}),
    *,
    training_api: bool = False,
) -> Graphs:
    """All graphs that a spec allows: without a `training` section `inference` and `init`, else all six; and `fit` where
    statistics are fitted to the data.

    A network without state and without training has nothing to initialize, hence no `init` either. `training_api` asks
    for the graphs of ONNX Runtime's training API instead of `step`, `gradients` and `apply`.

    Raises SpecError with the mistakes that only building shows: shapes, targets, schedules.
    """
    variables = Variables()
    forward = build_forward(spec, variables, vocabularies=vocabularies)
    inference = _inference(forward, variables)
    api_optimizer = None
    if spec.training is None:
        if training_api:
            message = "has no `training` section, so there is nothing for ONNX Runtime's training API"
            raise SpecError([Diagnostic(spec.origin_of(()), message)])
        built = {"inference": inference}
        if variables.declared:
            built["init"] = build_init(spec, variables, forward.trail)
        targets: dict[str, Target] = {}
        objectives = None
    else:
        targets = declare_targets(spec, spec.training, forward)
        built, objectives, api_optimizer = _training_graphs(
            spec, spec.training, horizon, variables, vocabularies, targets, training_api=training_api
        )
        built = {"inference": inference, **built}
    step_form = add_step_form(built, spec, variables, vocabularies, forward.outputs)
    fitting = _add_fitting(built, spec, variables, vocabularies) if forward.fittings else []
    if forward.prepared:
        texts = [value for value in forward.features.values() if value.dtype is DType.string]
        built["prepare"] = Graph("prepare", tuple(texts), forward.prepared)
    return Graphs(
        _optimized(spec, built, passes), forward, variables, targets, objectives, fitting, api_optimizer, step_form
    )


def _inference(forward: Forward, variables: Variables) -> Graph:
    """Features -> outputs, over what they depend on: heads and features that losses alone read are left out."""
    read = _read(forward)
    state = (value for value in variables.values.values() if value in read)
    return Graph("inference", (*_read_features(forward), *state), forward.outputs)


def _read_features(forward: Forward) -> list[Value]:
    """The features that the outputs depend on; all of them where they depend on none, which gives a host a batch."""
    read = _read(forward)
    return [value for value in forward.features.values() if value in read] or list(forward.features.values())


def _read(forward: Forward) -> set[Value]:
    """The values that the outputs are made of, themselves among them."""
    read = {value for node in reachable(forward.outputs.values()) for value in node.given_inputs}
    return read.union(forward.outputs.values())


def _training_graphs(
    spec: Spec,
    training: TrainingSettings,
    horizon: Horizon,
    variables: Variables,
    vocabularies: Mapping[str, Sequence[str]],
    targets: Mapping[str, Target],
    *,
    training_api: bool,
) -> tuple[dict[str, Graph], Objectives, ApiOptimizer | None]:
    """The graphs that train, the objectives of the evaluation graph, and the optimizer of the training API's graphs."""
    forward = build_forward(spec, variables, vocabularies=vocabularies, prepared=True)
    freeze(spec, training, variables)
    network = dict(variables.values)  # parameters and statistics: what the network itself reads
    shares = share_out(spec, training, variables)

    evaluated = build_objectives(spec, training, forward, targets, shares, variables)
    require_trained(spec, training, variables, evaluated)
    counters = declare_counters(variables)
    scaling = declare_scaling(training.scaling, variables)
    carrying = Carrying(rows=training.batch_size)
    learning = build_forward(
        spec,
        variables,
        random_counter=counters.random_counter,
        vocabularies=vocabularies,
        prepared=True,
        carrying=carrying,
    )
    learning.statistics.update(carrying.following)
    learning = _reordered(learning)
    learning = _in_precision(training, learning, variables, counters.random_counter)
    objectives = build_objectives(spec, training, learning, targets, shares, variables)
    by_parameter = _gradients(objectives, variables, scaling, training.precision)
    if training_api:
        refuse_carried(variables)
        built, optimizer = _api_graphs(
            spec, training, horizon, variables, targets, network, forward, evaluated, learning, objectives, by_parameter
        )
        return built, evaluated, optimizer
    if scaling is not None:
        by_parameter = unscaled(by_parameter, objectives.loss, scaling)
    for share in shares:
        moved = [variables.declared[name] for name in share.parameters if name in by_parameter]
        declare_slots(share.objective.optimizer.optimizer, moved, variables)
    given = {name: graph_input(f"{name}.gradient", value.dtype, value.shape) for name, value in by_parameter.items()}

    statistics = learning.statistics
    updated = build_update(spec, training, by_parameter, shares, variables, counters, horizon)
    applied = build_update(spec, training, given, shares, variables, counters, horizon)
    if scaling is not None:
        finite = all_finite(by_parameter)
        statistics = hold(statistics, variables, finite)
        updated = hold(updated, variables, finite) | next_scaling(scaling, finite)
        finite = all_finite(given)
        applied = hold(applied, variables, finite) | next_scaling(scaling, finite)
    following = {**variables.values, **statistics, **updated}
    applied = {name: value for name, value in variables.values.items() if name not in statistics} | applied

    evaluated_batch = [*forward.features.values(), *(target.value for target in targets.values())]
    learning_batch = [*learning.features.values(), *(target.value for target in targets.values())]
    counter_inputs = [counters.step, counters.random_counter, *([scaling.scale] if scaling is not None else [])]
    built = {
        "init": build_init(spec, variables, forward.trail),
        "step": Graph(
            "step",
            (*learning_batch, *variables.values.values()),
            {**_batch_losses(objectives), **_batch_metrics(training, objectives), **_next(following)},
        ),
        "evaluate": Graph("evaluate", (*evaluated_batch, *network.values()), _sums(evaluated, forward)),
        "gradients": Graph(
            "gradients",
            (*learning_batch, *network.values(), *carrying.given.values(), *counter_inputs),
            {
                **_batch_losses(objectives),
                **{f"{name}.gradient": value for name, value in by_parameter.items()},
                **_next(statistics),
            },
        ),
        "apply": Graph(
            "apply",
            (*given.values(), *(variables.values[name] for name in applied)),
            _next(applied),
        ),
    }
    return built, evaluated, None


def _api_graphs(
    spec: Spec,
    training: TrainingSettings,
    horizon: Horizon,
    variables: Variables,
    targets: Mapping[str, Target],
    network: Mapping[str, Value],
    forward: Forward,
    evaluated: Objectives,
    learning: Forward,
    objectives: Objectives,
    by_parameter: Mapping[str, Value],
) -> tuple[dict[str, Graph], ApiOptimizer]:
    """The graphs of ONNX Runtime's training API, those that netwright's runtime uses beside them, and the optimizer.

    The API wants the same parameters in the training and in the evaluation model, read or not.
    """
    check_optimizer(spec, training, by_parameter)
    refuse_drawn(spec)
    optimizer = training.optimizer.optimizer
    moments = declare_moments(optimizer, [variables.declared[name] for name in by_parameter], variables)
    target_inputs = [target.value for target in targets.values()]
    learned = {
        **_batch_losses(objectives),
        **_batch_metrics(training, objectives),
        **_next(learning.statistics),
        **{gradient_name(name): value for name, value in decayed(optimizer, by_parameter, variables.values).items()},
    }
    sums = _sums(evaluated, forward)
    evaluation = {"loss": evaluated.loss, **sums, **forward.outputs}
    counter = variables.values[RANDOM_COUNTER]
    counters = [counter] if any(counter in node.inputs for node in reachable(learned.values())) else []
    built = {
        "init": build_init(spec, variables, forward.trail),
        "evaluate": Graph("evaluate", (*forward.features.values(), *target_inputs, *network.values()), sums),
        TRAINING_MODEL: Graph(
            TRAINING_MODEL, (*learning.features.values(), *target_inputs, *counters, *network.values()), learned
        ),
        EVAL_MODEL: Graph(EVAL_MODEL, (*forward.features.values(), *target_inputs, *network.values()), evaluation),
    }
    return built, build_optimizer(spec, training, horizon, list(by_parameter), moments)


def _reordered(learning: Forward) -> Forward:
    """The network as it is cheapest to train."""
    named = {str(i): value for i, value in enumerate([*learning.values.values(), *learning.statistics.values()])}
    made = list(pool_before_relu(Graph("learning", (), named)).outputs.values())
    count = len(learning.values)
    return replace(
        learning,
        values=dict(zip(learning.values, made[:count], strict=True)),
        statistics=dict(zip(learning.statistics, made[count:], strict=True)),
    )


def _in_precision(
    training: TrainingSettings, learning: Forward, variables: Variables, random_counter: Value
) -> Forward:
    """The network as it computes while it trains. What losses and metrics read of it has the dtype it always has."""
    if training.precision == "float32":
        return learning
    free = [variables.values[name] for name in variables.of_kind("parameter")] + [random_counter]
    named = {**learning.values, **learning.statistics}
    made = dict(zip(named.values(), in_half(list(named.values()), free, DType(training.precision)), strict=True))
    return replace(
        learning,
        values={name: made[value] for name, value in learning.values.items()},
        statistics={name: made[value] for name, value in learning.statistics.items()},
    )


def _add_fitting(
    graphs: dict[str, Graph], spec: Spec, variables: Variables, vocabularies: Mapping[str, Sequence[str]]
) -> list[FittingStep]:
    """Add the graph that fits statistics, and return the plan."""
    forward = build_forward(spec, variables, vocabularies=vocabularies, prepared=True)
    graphs["fit"], plan = build_fitting(forward, variables)
    return plan


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


def _optimized(spec: Spec, graphs: Mapping[str, Graph], passes: Sequence[Pass]) -> dict[str, Graph]:
    """Raises SpecError where numbers of the spec turn out not to fit once they are computed."""
    checked: set[Node] = set()
    try:
        chosen = {**graphs, **_with_conv_forms([graphs[name] for name in LEARNING if name in graphs])}
        optimized = {name: optimize(chosen[name], passes, checked) for name in graphs}
        return {
            name: optimize(graph, (use_signed_integers,), checked) if name in API_GRAPHS else graph
            for name, graph in optimized.items()
        }
    except BuildError as error:
        raise SpecError([Diagnostic(spec.origin_of(("network",)), error.message, error.hint)]) from None


def _with_conv_forms(learning: Sequence[Graph]) -> dict[str, Graph]:
    """The graphs with their convolutions in the forms chosen, at one go, because they share nearly all nodes."""
    outputs = {f"{i}.{name}": value for i, graph in enumerate(learning) for name, value in graph.outputs.items()}
    made = choose_conv_forms(Graph("learning", (), outputs)).outputs
    return {
        graph.name: replace(graph, outputs={name: made[f"{i}.{name}"] for name in graph.outputs})
        for i, graph in enumerate(learning)
    }


def _gradients(
    objectives: Objectives, variables: Variables, scaling: Scaling | None, precision: str
) -> dict[str, Value]:
    """The gradient of each objective, times the loss scale, by each of its parameters that its loss depends on; the
    others stay as they are. In the order of the state."""
    seeds = None if scaling is None else [scaling.scale]
    made: dict[str, Value | None] = {}
    for objective in objectives.each:
        names = objective.share.parameters
        found = gradients([objective.descended], [variables.values[name] for name in names], seeds)
        made.update(zip(names, found, strict=True))
    present = {name: gradient for name in variables.declared if (gradient := made.get(name)) is not None}
    return present if precision == "float32" else supported(present, DType(precision))


def _next(values: Mapping[str, Value]) -> dict[str, Value]:
    return {f"{name}.next": value for name, value in values.items()}


def _batch_losses(objectives: Objectives) -> dict[str, Value]:
    """The loss, and where there are several objectives that of each."""
    return {"loss": objectives.loss, **{name: each.loss for name, each in objectives.named.items()}}


def _batch_metrics(training: TrainingSettings, objectives: Objectives) -> dict[str, Value]:
    """The metrics that are a ratio of two sums, for the batch of a step."""
    values = {}
    for entry in training.metrics:
        if entry.metric.finalize == "ratio":
            total, weight = (cast(part, DType.float32) for part in objectives.metrics[entry.name].values())
            values[entry.name] = total / weight
    return values


def _sums(objectives: Objectives, forward: Forward) -> dict[str, Value]:
    """The evaluation outputs: the sums of the loss, of that of each objective, and of each metric."""
    sums = loss_sums(objectives, forward)
    for name, objective in objectives.named.items():
        sums |= loss_sums(objective, forward, name)
    for name, parts in objectives.metrics.items():
        sums.update({f"{name}.{suffix}": value for suffix, value in parts.items()})
    return sums


def build_init(spec: Spec, variables: Variables, trail: Trail) -> Graph:
    """`seed` -> every state tensor, each from a random stream named after it.

    Raises SpecError with every initializer that does not fit its tensor; `trail` says where that has its shape from.
    """
    seed = graph_input(SEED, DType.int64, ())
    key_of = random.keys(seed)
    outputs: dict[str, Value] = {}
    problems: list[Diagnostic] = []
    for name, state in variables.declared.items():
        with scope(name, state.origin):
            if name == RANDOM_COUNTER:
                outputs[name] = random.start(seed)
                continue
            try:
                key = key_of(random.stream_of(f"init:{name}"))
                value = state.initializer.build(key, state.shape, state.fan_in, state.fan_out)
            except BuildError as error:
                problems.append(_misfit(spec, state, error, trail))
                continue
            outputs[name] = cast(value, state.dtype)
    if problems:
        raise SpecError(problems)
    return Graph("init", (seed,), outputs)


def _misfit(spec: Spec, state: State, error: BuildError, trail: Trail) -> Diagnostic:
    """At the initializer where the layer has one of its own, else at the layer."""
    layer, _, parameter = state.name.rpartition("/")
    origin = state.origin or spec.origin_of(())
    for entry in spec.layers:
        given = (f"{parameter}_initializer", "initializer")
        if entry.name == layer:
            found = [spec.origin_of((*entry.path, field, *error.path)) for field in given]
            origin = next((place for place in found if place.path != spec.origin_of(entry.path).path), origin)
    shapes = trail.to(trail.steps[layer]) if layer in trail.steps else ()
    return Diagnostic(origin, f"{state.name}: {error.message}", error.hint, shapes)
