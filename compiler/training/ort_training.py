"""The graphs for ONNX Runtime's own training API, `onnxruntime.training.api` (docs/ort-training.md).

The API takes a training model that ends in gradients, an evaluation model, and an optimizer model over sequences of
parameters. Here are the first two, with gradients by our rules, and what the third one is made of. What the API's
optimizers cannot do is refused here, with the place in the spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeGuard

from ..errors import Diagnostic, SpecError
from ..initializers.constant import Constant
from ..ir import DType, Graph, Value, graph_input, op, scope
from ..optimizers.base import Optimizer
from ..schedules.base import Horizon, Schedule
from ..spec.model import Spec
from ..spec.settings import TrainingSettings
from ..state import State
from ..variables import Variables
from .update import scheduled_rate, slot_name

if TYPE_CHECKING:
    from ..optimizers import SGD, Adam, AdamW

TRAINING_MODEL: Final = "training_model"
EVAL_MODEL: Final = "eval_model"
API_GRAPHS: Final = (TRAINING_MODEL, EVAL_MODEL)

RESET: Final = "lazy_reset_grad"
"""The input of the training model by which the API says that a new sum of gradients begins."""


@dataclass(frozen=True)
class ApiOptimizer:
    """The optimizer model.

    kernel: ONNX Runtime's operator, `AdamWOptimizer` or `SGDOptimizerV2`, with its attributes.
    rate: `learning_rate` float32 (1,) and `step` int64 (1,), counted from 1 -> `rate` float32 (1,): the schedule.
    learning_rate: what the host sets with `set_learning_rate`: the rate, or 1 where a schedule multiplies it.
    moments: the tensors that the API keeps for each trained parameter, under the names it gives them.
    clip_norm: the largest joint L2 norm of the gradients, or None.
    trained: the parameters that have gradients.
    """

    kernel: str
    attributes: Mapping[str, float | int]
    rate: Graph
    learning_rate: float
    moments: tuple[str, ...]
    clip_norm: float | None
    trained: tuple[str, ...]


def _is_sgd(optimizer: Optimizer) -> TypeGuard[SGD]:
    from ..optimizers import SGD  # here, so that a spec imports no kind but those it names

    return isinstance(optimizer, SGD)


def _is_adam(optimizer: Optimizer) -> TypeGuard[Adam | AdamW]:
    from ..optimizers import Adam, AdamW

    return isinstance(optimizer, (Adam, AdamW))


def gradient_name(parameter: str) -> str:
    """What the API calls the gradient of a parameter."""
    return f"{parameter}_grad"


def check_optimizer(spec: Spec, training: TrainingSettings, trained: Mapping[str, Value]) -> None:
    """Raises SpecError where the API has no optimizer like the spec's, or nothing for it to do."""
    if training.precision != "float32":
        message = f"ONNX Runtime's training API trains in float32, received {training.precision}"
        origin = spec.origin_of(("training", "precision"))
        raise SpecError([Diagnostic(origin, message, "the targets portable and ort train in half precision")])
    if training.objectives[0].name is not None:
        message = "ONNX Runtime's training API has one loss and one optimizer"
        origin = spec.origin_of(("training", "objectives"))
        raise SpecError([Diagnostic(origin, message, "the targets portable and ort train several objectives")])
    optimizer, origin = training.optimizer.optimizer, training.optimizer.origin
    if not trained:
        raise SpecError([Diagnostic(training.origin, "ONNX Runtime's training API needs a parameter that is trained")])
    problem = None
    if not _is_sgd(optimizer) and not _is_adam(optimizer):
        problem = f"ONNX Runtime's training API has no optimizer like '{optimizer.kind}'"
    elif _is_sgd(optimizer) and optimizer.momentum:
        problem = "ONNX Runtime's training API has no momentum"
    elif _is_sgd(optimizer) and optimizer.weight_decay and training.clip_global_norm is not None:
        problem = "ONNX Runtime's training API cannot add weight_decay to gradients that it clips"
    if problem is not None:
        hint = "it has sgd without momentum, adam and adamw; the targets portable and ort have every optimizer"
        raise SpecError([Diagnostic(origin, problem, hint)])


def refuse_drawn(spec: Spec) -> None:
    """Raises SpecError where an input is drawn: the model that the API exports must take it, and the one that it
    evaluates must not."""
    for item in spec.inputs:
        if item.drawn is not None:
            message = "ONNX Runtime's training API draws no inputs"
            raise SpecError([Diagnostic(item.origin, message, "the targets portable and ort do")])


def refuse_carried(variables: Variables) -> None:
    """Raises SpecError where a layer hands a state from batch to batch, which the API has no place for."""
    for state in variables.of_kind("carried").values():
        message = "ONNX Runtime's training API carries no state from batch to batch"
        assert state.origin is not None
        raise SpecError([Diagnostic(state.origin, message, "the targets portable and ort do")])


def declare_moments(optimizer: Optimizer, parameters: Sequence[State], variables: Variables) -> tuple[str, ...]:
    """The tensors that the API keeps for each trained parameter, as state; returns their names."""
    names = ("momentum0",) if _is_sgd(optimizer) else ("momentum0", "momentum1")
    zero = Constant(value=0.0)
    for parameter in parameters:
        for name in names:
            slot = slot_name(parameter.name, name)
            variables.declare(State(slot, parameter.shape, "slot", zero, trainable=False, origin=parameter.origin))
    return names


def build_optimizer(
    spec: Spec, training: TrainingSettings, horizon: Horizon, trained: Sequence[str], moments: tuple[str, ...]
) -> ApiOptimizer:
    """The optimizer model's parts. `adam` is AdamW without decay; `adam_mode` 0 is PyTorch's AdamW, as ours is."""
    optimizer = training.optimizer.optimizer
    rate, learning_rate = _rate(spec, training, horizon)
    kernel, attributes = "SGDOptimizerV2", {}
    if _is_adam(optimizer):
        kernel = "AdamWOptimizer"
        attributes = {
            "alpha": optimizer.beta1,
            "beta": optimizer.beta2,
            "epsilon": optimizer.epsilon,
            "weight_decay": getattr(optimizer, "weight_decay", 0.0),
            "adam_mode": 0,
            "correct_bias": 1,
        }
    return ApiOptimizer(kernel, attributes, rate, learning_rate, moments, training.clip_global_norm, tuple(trained))


def _rate(spec: Spec, training: TrainingSettings, horizon: Horizon) -> tuple[Graph, float]:
    """The graph of the rate, and what the host sets."""
    given = graph_input("learning_rate", DType.float32, (1,))
    step = graph_input("step", DType.int64, (1,))
    planned = getattr(training.optimizer.optimizer, "learning_rate")  # noqa: B009 - declared by every subclass
    if not isinstance(planned, Schedule):
        return Graph("optimizer_model", (given, step), {"rate": given}), float(planned)
    with scope("optimizer", training.optimizer.origin):
        before = op.Cast(op.Squeeze(step, [0]) - 1, to=DType.float32.code)
        rate = given * scheduled_rate(spec, training.optimizer, before, horizon)
    return Graph("optimizer_model", (given, step), {"rate": rate}), 1.0


def decayed(
    optimizer: Optimizer, gradients: Mapping[str, Value], parameters: Mapping[str, Value]
) -> Mapping[str, Value]:
    """The gradients with what `sgd` adds to them for its weight decay; those of other optimizers as they are."""
    if not _is_sgd(optimizer) or not optimizer.weight_decay:
        return gradients
    with scope("optimizer"):
        return {name: value + parameters[name] * optimizer.weight_decay for name, value in gradients.items()}
