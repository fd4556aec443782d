"""Metrics that compare numbers: `mae`, `rmse`, `r2`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..ir import DType, TensorType, Value
from ..ops import op
from ..ops.cast import cast
from .base import Finalize, Metric
from .problem import check_numbers, count, total


@Metric.registry.register("mae")
@dataclass(frozen=True, kw_only=True)
class MeanAbsoluteError(Metric):
    """Mean absolute error, mean |output − target|."""

    example: ClassVar[str] = """
training:
  loss: squared_error
  metrics: [mae]
"""
    goal: ClassVar[Literal["min", "max"]] = "min"

    def check(self, output: TensorType, target: TensorType) -> None:
        check_numbers(output, target)

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        return {"sum": total(op.Abs(output - target)), "weight": count(target)}


@Metric.registry.register("rmse")
@dataclass(frozen=True, kw_only=True)
class RootMeanSquaredError(Metric):
    """Root of the mean squared error, √ mean (output − target)²."""

    example: ClassVar[str] = """
training:
  loss: squared_error
  metrics: [rmse]
"""
    finalize: ClassVar[Finalize] = "root_ratio"
    goal: ClassVar[Literal["min", "max"]] = "min"

    def check(self, output: TensorType, target: TensorType) -> None:
        check_numbers(output, target)

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        difference = output - target
        return {"sum": total(difference * difference), "weight": count(target)}


@Metric.registry.register("r2")
@dataclass(frozen=True, kw_only=True)
class R2(Metric):
    """Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 1 is perfect, 0 no better than the mean.

    Several outputs are pooled. The sums are float64: Σ(y − ȳ)² is Σy² − (Σy)²/n, which cancels.
    """

    example: ClassVar[str] = """
training:
  loss: squared_error
  metrics: [r2]
"""
    finalize: ClassVar[Finalize] = "r2"

    def check(self, output: TensorType, target: TensorType) -> None:
        check_numbers(output, target)

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        y = cast(target, DType.float64)
        residual = cast(output - target, DType.float64)
        return {
            "residual": total(residual * residual),
            "total": total(y),
            "squares": total(y * y),
            "weight": count(target),
        }
