"""Shares of right answers: `accuracy`, `top_k`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import DType, TensorType, Value
from ..losses.categorical import at_label
from ..ops import op
from ..ops.cast import cast
from .base import Metric
from .problem import check_classes, count, is_categorical, predicted_and_true, total


@Metric.registry.register("accuracy")
@dataclass(frozen=True, kw_only=True)
class Accuracy(Metric):
    """The share of right classes.

    With integer labels the predicted class is the largest number of the last axis (the first of equal ones). With 0/1
    targets in the output's shape, class 1 is predicted where the output is above `threshold`.
    """

    example: ClassVar[str] = """
network:
  - dense: {units: 1, activation: sigmoid, name: probability}
training:
  loss: squared_error
  metrics:
    - accuracy: {threshold: 0.5}
"""
    threshold: float = spec_field(
        "Only for 0/1 targets: 0 suits outputs before the sigmoid, 0.5 probabilities.", default=0.0
    )

    def check(self, output: TensorType, target: TensorType) -> None:
        check_classes(output, target)

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        predicted, true, _ = predicted_and_true(output, target, self.threshold)
        return {"sum": total(op.Equal(predicted, true)), "weight": count(true)}

    def sums_of_valid(self, output: Value, target: Value, valid: Value) -> Mapping[str, Value]:
        predicted, true, _ = predicted_and_true(output, target, self.threshold)
        return sums_at_valid(op.Equal(predicted, true), valid)


@Metric.registry.register("top_k")
@dataclass(frozen=True, kw_only=True)
class TopK(Metric):
    """The share of labels whose number is among the `k` largest of the last axis; `top_k: 3` is called `top_3`.

    Numbers equal to the label's do not push it out.
    """

    example: ClassVar[str] = "top_k: 3"
    shorthand: ClassVar[str | None] = "k"
    k: int = spec_field("How many guesses count.", default=5, minimum=1)

    def check(self, output: TensorType, target: TensorType) -> None:
        if not is_categorical(output, target):
            raise BuildError(
                f"needs integer labels and one output a class, but the output is {output} and the target {target}"
            )
        classes = output.shape[-1]
        assert isinstance(classes, int)
        if self.k >= classes:
            raise BuildError(
                f"of {classes} classes the label is always among the {self.k} largest",
                f"k must be less than {classes}",
                ("k",),
            )

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        return {"sum": total(self._hits(output, target)), "weight": count(target)}

    def sums_of_valid(self, output: Value, target: Value, valid: Value) -> Mapping[str, Value]:
        return sums_at_valid(self._hits(output, target), valid)

    def _hits(self, output: Value, target: Value) -> Value:
        at_target = op.Unsqueeze(at_label(output, target), [target.rank])
        larger = cast(op.Greater(output, at_target), DType.float32)
        return op.Less(op.ReduceSum(larger, [-1], keepdims=0), self.k)

    @property
    def label(self) -> str:
        return f"top_{self.k}"


def sums_at_valid(values: Value, valid: Value) -> Mapping[str, Value]:
    """The sum and the number of values of shape (batch, time, …) at the steps where `valid` is 1."""
    spread = op.Unsqueeze(valid, list(range(valid.rank, values.rank))) if values.rank > valid.rank else valid
    right = cast(values, DType.float32)
    return {"sum": total(right * spread), "weight": total(spread + right * 0.0)}
