"""Losses that compare numbers: `squared_error`, `absolute_error`, `huber`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import TensorType, Value
from ..ops import op
from .base import Loss
from .checks import same_type


@Loss.registry.register("squared_error")
@dataclass(frozen=True, kw_only=True)
class SquaredError(Loss):
    """(output − target)²; its mean is the mean squared error. The target has the output's shape."""

    example: ClassVar[str] = "squared_error: {target: price}"

    def target_type(self, output: TensorType) -> TensorType:
        return same_type(output)

    def elements(self, output: Value, target: Value) -> Value:
        difference = output - target
        return difference * difference


@Loss.registry.register("absolute_error")
@dataclass(frozen=True, kw_only=True)
class AbsoluteError(Loss):
    """|output − target|; its mean is the mean absolute error. The target has the output's shape."""

    example: ClassVar[str] = "absolute_error: {target: price, weight: 0.5}"

    def target_type(self, output: TensorType) -> TensorType:
        return same_type(output)

    def elements(self, output: Value, target: Value) -> Value:
        return op.Abs(output - target)


@Loss.registry.register("huber")
@dataclass(frozen=True, kw_only=True)
class Huber(Loss):
    """½d² for |d| ≤ delta, else delta · (|d| − ½·delta), d = output − target: outliers pull no harder than `delta`.

    The target has the output's shape. Huber, Robust Estimation of a Location Parameter, 1964.
    """

    example: ClassVar[str] = "huber: {delta: 2, target: price}"
    shorthand: ClassVar[str | None] = "delta"
    delta: float = spec_field("Where the square turns into a line.", default=1.0, exclusive_minimum=0)

    def target_type(self, output: TensorType) -> TensorType:
        return same_type(output)

    def elements(self, output: Value, target: Value) -> Value:
        # With c = clip(d) both branches are c·(d − c/2), and so is the derivative c: no comparison, no kink.
        difference = output - target
        clipped = op.Clip(difference, -self.delta, self.delta)
        return clipped * (difference - clipped * 0.5)
