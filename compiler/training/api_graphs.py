"""The graphs of ONNX Runtime's training API, which has a loop and an optimizer of its own (docs/ort-training.md)."""

from __future__ import annotations

from collections.abc import Mapping

from ..ir import Graph, Value, reachable
from ..network import Forward
from ..schedules.base import Horizon
from ..spec.model import Spec
from ..spec.settings import TrainingSettings
from ..variables import Variables
from .init import build_init
from .objective import Objectives, Target
from .ort_training import (
    EVAL_MODEL,
    TRAINING_MODEL,
    ApiOptimizer,
    build_optimizer,
    check_optimizer,
    decayed,
    declare_moments,
    gradient_name,
    refuse_drawn,
)
from .outputs import batch_losses, batch_metrics, evaluation_sums, next_values
from .update import RANDOM_COUNTER


def api_graphs(
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
        **batch_losses(objectives),
        **batch_metrics(training, objectives),
        **next_values(learning.statistics),
        **{gradient_name(name): value for name, value in decayed(optimizer, by_parameter, variables.values).items()},
    }
    sums = evaluation_sums(evaluated, forward)
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
