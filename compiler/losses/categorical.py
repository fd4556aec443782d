"""Losses for one class of several: `categorical_cross_entropy`, `negative_log_likelihood`.

The label's number is picked by `GatherElements`, whose gradient scatters into zeros. Measured with ONNX Runtime on two
cores, forward and backward of 1024×10000 take 116 ms this way, 176 ms by `OneHot` and a product, 208–236 ms by `Equal`
and `Where`; at 64×10 they take 19, 24 and 29 µs. PyTorch takes 110 ms and 64 µs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import TensorType, Value
from ..ops import op
from .base import Loss
from .checks import label_type, number_of_classes


@Loss.registry.register("categorical_cross_entropy")
@dataclass(frozen=True, kw_only=True)
class CategoricalCrossEntropy(Loss):
    """−ln softmax(z)[label], for the outputs z *before* the softmax, one number a class on the last axis.

    | | shape |
    |---|---|
    | output | (batch, …, classes) |
    | target | (batch, …), int64, 0 … classes − 1 |

    Computed through `LogSoftmax`, which no z overflows; the gradient is softmax(z) − onehot(label). With
    `label_smoothing` ε the label counts 1 − ε + ε/classes and each other class ε/classes (Szegedy et al.,
    Rethinking the Inception Architecture, CVPR 2016).
    """

    example: ClassVar[str] = "categorical_cross_entropy: {target: label, label_smoothing: 0.1}"
    default_target: ClassVar[str] = "label"
    label_smoothing: float = spec_field("ε, the share spread over all classes.", default=0.0, minimum=0, maximum=1)

    def target_type(self, output: TensorType) -> TensorType:
        return label_type(output)

    def classes(self, output: TensorType) -> int | None:
        return number_of_classes(output)

    def elements(self, output: Value, target: Value) -> Value:
        log_probabilities = op.LogSoftmax(output, axis=-1)
        loss = -at_label(log_probabilities, target)
        if self.label_smoothing == 0:
            return loss
        spread = op.ReduceMean(log_probabilities, [-1], keepdims=0)
        return loss * (1 - self.label_smoothing) - spread * self.label_smoothing


@Loss.registry.register("negative_log_likelihood")
@dataclass(frozen=True, kw_only=True)
class NegativeLogLikelihood(Loss):
    """−z[label], for outputs z that are log-probabilities, as `log_softmax` makes them.

    Output (batch, …, classes), target (batch, …), int64, 0 … classes − 1. With a network that ends before the softmax,
    `categorical_cross_entropy` does both at once.
    """

    example: ClassVar[str] = """
network:
  - dense: {units: 3, activation: log_softmax}
training:
  loss: negative_log_likelihood
"""
    default_target: ClassVar[str] = "label"

    def target_type(self, output: TensorType) -> TensorType:
        return label_type(output)

    def classes(self, output: TensorType) -> int | None:
        return number_of_classes(output)

    def elements(self, output: Value, target: Value) -> Value:
        return -at_label(output, target)


def at_label(values: Value, label: Value) -> Value:
    """values[..., label] for each position of the label."""
    axis = label.rank
    return op.Squeeze(op.GatherElements(values, op.Unsqueeze(label, [axis]), axis=axis), [axis])
