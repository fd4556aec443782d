"""The graphs of a bundle, built from one spec over one set of state values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ..autodiff import gradients
from ..errors import BuildError, Diagnostic, SpecError
from ..ir import DType, Graph, Node, Value, graph_input
from ..layer_context import Carrying
from ..network import Forward, build_forward
from ..passes import PASSES, Pass, optimize, use_signed_integers
from ..precision import supported
from ..schedules.base import Horizon
from ..spec.model import Spec
from ..spec.settings import TrainingSettings
from ..state import State
from ..variables import Variables
from .api_graphs import api_graphs
from .fitting import FittingStep, build_fitting
from .inference import build_inference
from .init import build_init
from .learning import in_precision, reordered, with_conv_forms
from .objective import Objectives, Target, build_objectives, declare_targets
from .ort_training import API_GRAPHS, ApiOptimizer, refuse_carried
from .outputs import batch_losses, batch_metrics, evaluation_sums, next_values
from .scaling import Scaling, all_finite, declare_scaling, hold, next_scaling, unscaled
from .shares import share_out
from .step_form import StepForm, add_step_form
from .trainable import freeze, require_trained
from .update import build_update, declare_counters, declare_slots

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
    inference = build_inference(forward, variables)
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
    learning = reordered(learning)
    learning = in_precision(training, learning, variables, counters.random_counter)
    objectives = build_objectives(spec, training, learning, targets, shares, variables)
    by_parameter = _gradients(objectives, variables, scaling, training.precision)
    if training_api:
        refuse_carried(variables)
        built, optimizer = api_graphs(
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
            {**batch_losses(objectives), **batch_metrics(training, objectives), **next_values(following)},
        ),
        "evaluate": Graph("evaluate", (*evaluated_batch, *network.values()), evaluation_sums(evaluated, forward)),
        "gradients": Graph(
            "gradients",
            (*learning_batch, *network.values(), *carrying.given.values(), *counter_inputs),
            {
                **batch_losses(objectives),
                **{f"{name}.gradient": value for name, value in by_parameter.items()},
                **next_values(statistics),
            },
        ),
        "apply": Graph(
            "apply",
            (*given.values(), *(variables.values[name] for name in applied)),
            next_values(applied),
        ),
    }
    return built, evaluated, None


def _add_fitting(
    graphs: dict[str, Graph], spec: Spec, variables: Variables, vocabularies: Mapping[str, Sequence[str]]
) -> list[FittingStep]:
    """Add the graph that fits statistics, and return the plan."""
    forward = build_forward(spec, variables, vocabularies=vocabularies, prepared=True)
    graphs["fit"], plan = build_fitting(forward, variables)
    return plan


def _optimized(spec: Spec, graphs: Mapping[str, Graph], passes: Sequence[Pass]) -> dict[str, Graph]:
    """Raises SpecError where numbers of the spec turn out not to fit once they are computed."""
    checked: set[Node] = set()
    try:
        chosen = {**graphs, **with_conv_forms([graphs[name] for name in LEARNING if name in graphs])}
        optimized = {name: optimize(chosen[name], passes, checked) for name in graphs}
        return {
            name: optimize(graph, (use_signed_integers,), checked) if name in API_GRAPHS else graph
            for name, graph in optimized.items()
        }
    except BuildError as error:
        raise SpecError([Diagnostic(spec.origin_of(("network",)), error.message, error.hint)]) from None


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
