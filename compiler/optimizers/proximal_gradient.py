"""Proximal gradient descent: the optimizer that makes weights exactly 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import Value
from ..ops import op
from ..schedules import Schedule
from .base import Optimizer, ProximalOptimizer
from .fields import LEARNING_RATE

PREVIOUS = "previous"


@Optimizer.registry.register("proximal_gradient")
@dataclass(frozen=True, kw_only=True)
class ProximalGradient(ProximalOptimizer):
    """Gradient descent with soft-thresholding: w ← S(w − learning_rate · g, learning_rate · λ), where
    S(v, t) = sign(v) · max(0, |v| − t), λ is `regularization.l1` and g the gradient of all the loss but that penalty.

    Weights that the L1 penalty makes unnecessary become exactly 0, where `sgd` and `adam` keep them trembling around
    it: this is how the lasso is trained (ISTA). `accelerated` looks ahead along the last change (FISTA): with x the
    thresholded point, w ← x + (t − 1) / (t + 3) · (x − x of the step before) at step t = 1, 2, …

    Meant for full batches: a `batch_size` of all rows. It converges for learning rates up to 1/L, L being the largest
    curvature of the loss. Parameters that L1 does not apply to, such as biases, take plain steps. Beck and Teboulle, A
    Fast Iterative Shrinkage-Thresholding Algorithm, SIAM J. Imaging Sciences 2009; the factor is that of Chambolle and
    Dossal 2015.

    State per parameter: `previous`, the last x, only with `accelerated`.
    """

    elementwise: ClassVar[bool] = True
    example: ClassVar[str] = """
training:
  loss: squared_error
  optimizer: {proximal_gradient: {learning_rate: 0.1, accelerated: true}}
  regularization: {l1: 0.01}
"""
    learning_rate: float | Schedule = spec_field(LEARNING_RATE, default=0.01, exclusive_minimum=0)
    accelerated: bool = spec_field("Whether to look ahead along the last change (FISTA).", default=False)

    def slots(self) -> Mapping[str, float]:
        return {PREVIOUS: 0.0} if self.accelerated else {}

    def proximal_update(
        self,
        parameter: Value,
        gradient: Value,
        slots: Mapping[str, Value],
        rate: Value,
        step: Value,
        *,
        l1: float,
    ) -> tuple[Value, Mapping[str, Value]]:
        point = soft_threshold(parameter - gradient * rate, rate * l1) if l1 else parameter - gradient * rate
        if not self.accelerated:
            return point, {}
        ahead = (step - 1.0) / (step + 3.0)  # 0 at the first step, when there is no step before
        return point + (point - slots[PREVIOUS]) * ahead, {PREVIOUS: point}


def soft_threshold(value: Value, threshold: Value) -> Value:
    """sign(v) · max(0, |v| − t), the proximal operator of t · Σ|v|."""
    return op.Relu(value - threshold) - op.Relu(-value - threshold)
