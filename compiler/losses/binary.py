"""Losses for yes or no: `binary_cross_entropy`, `hinge`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import TensorType, Value, constant
from ..ops import op
from .base import Loss
from .checks import same_type


@Loss.registry.register("binary_cross_entropy")
@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    """−y·ln σ(z) − (1 − y)·ln(1 − σ(z)), for the output z *before* the sigmoid and a target y from 0 to 1.

    Computed as softplus(z) − z·y, which no z overflows; the gradient is σ(z) − y. The target has the output's shape:
    several outputs are several independent questions.
    """

    example: ClassVar[str] = "binary_cross_entropy: {target: spam}"
    default_target: ClassVar[str] = "label"
    target_range: ClassVar[tuple[float, float] | None] = (0, 1)

    def target_type(self, output: TensorType) -> TensorType:
        return same_type(output)

    def elements(self, output: Value, target: Value) -> Value:
        return op.Softplus(output) - output * target


@Loss.registry.register("hinge")
@dataclass(frozen=True, kw_only=True)
class Hinge(Loss):
    """max(0, margin − s·z) for the output z and the sign s of the class, as in support vector machines.

    A target above 0 means s = 1, any other s = −1, so labels 0 and 1 serve as well as −1 and 1. The target has the
    output's shape. Cortes and Vapnik, Support-Vector Networks, 1995.
    """

    example: ClassVar[str] = "hinge: {margin: 0.5, target: spam}"
    default_target: ClassVar[str] = "label"
    shorthand: ClassVar[str | None] = "margin"
    margin: float = spec_field("How far beyond 0 an output must be to cost nothing.", default=1.0, exclusive_minimum=0)

    def target_type(self, output: TensorType) -> TensorType:
        return same_type(output)

    def elements(self, output: Value, target: Value) -> Value:
        sign = op.Where(op.Greater(target, 0), constant(1.0, target.dtype), constant(-1.0, target.dtype))
        return op.Relu(self.margin - sign * output)
