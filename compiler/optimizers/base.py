"""What an optimizer is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import Described, Registry

from ..ir import Value


@dataclass(frozen=True, kw_only=True)
class Optimizer(Described):
    """An update rule. Subclasses declare the field `learning_rate: float | Schedule`."""

    registry: ClassVar[Registry[Optimizer]] = Registry("optimizer")
    elementwise: ClassVar[bool] = False
    """Whether each number's update depends on that number's own gradient and slots alone; then `update` may be given
    the numbers of several small parameters as one vector, which is faster."""

    def slots(self) -> Mapping[str, float]:
        """The tensors kept for each parameter, in its shape: name -> initial value."""
        return {}

    @abstractmethod
    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        """The next parameter and slots.

        `rate` is the scheduled learning rate times the host's `learning_rate_scale`, `step` the number of this step
        counted from 1; both float32 scalars. Scalar work that all parameters share is merged by the compiler.
        """


@dataclass(frozen=True, kw_only=True)
class ProximalOptimizer(Optimizer):
    """An optimizer that handles the L1 penalty itself: the gradients it is given leave the penalty out."""

    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], rate: Value, step: Value
    ) -> tuple[Value, Mapping[str, Value]]:
        return self.proximal_update(parameter, gradient, slots, rate, step, l1=0.0)

    @abstractmethod
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
        """As `update`, for a parameter w whose penalty is l1 · Σ|w|; `gradient` is that of the rest of the loss."""
