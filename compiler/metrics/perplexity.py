"""`perplexity` of a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import BuildError
from ..ir import TensorType, Value
from ..losses.categorical import at_label
from ..ops import op
from .accuracy import sums_at_valid
from .base import Finalize, Metric
from .problem import count, is_categorical, total


@Metric.registry.register("perplexity")
@dataclass(frozen=True, kw_only=True)
class Perplexity(Metric):
    """e^(mean of −ln softmax(z)[label]): among how many tokens, equally likely, the model is undecided.

    Outputs and labels are those of `categorical_cross_entropy` (or `negative_log_likelihood`), whose mean, in nats a
    token, this is the exponential of. It judges evaluation; a training step reports the loss alone.
    """

    example: ClassVar[str] = """
network:
  - dense: 3
training:
  loss: categorical_cross_entropy
  metrics: [perplexity]
"""
    finalize: ClassVar[Finalize] = "exponential_ratio"
    goal: ClassVar[Literal["min", "max"]] = "min"

    def check(self, output: TensorType, target: TensorType) -> None:
        if not is_categorical(output, target):
            raise BuildError(
                f"needs integer labels and one output a class, but the output is {output} and the target {target}"
            )

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        return {"sum": total(_surprise(output, target)), "weight": count(target)}

    def sums_of_valid(self, output: Value, target: Value, valid: Value) -> Mapping[str, Value]:
        return sums_at_valid(_surprise(output, target), valid)


def _surprise(output: Value, target: Value) -> Value:
    return -at_label(op.LogSoftmax(output, axis=-1), target)
