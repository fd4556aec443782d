"""One rate throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import DType, Value, constant
from .base import Horizon, Schedule


@Schedule.registry.register("constant")
@dataclass(frozen=True, kw_only=True)
class ConstantRate(Schedule):
    """The same learning rate at every step; the long form of writing the number."""

    example: ClassVar[str] = "constant: 0.01"
    shorthand: ClassVar[str | None] = "value"
    value: float = spec_field("The learning rate.", exclusive_minimum=0)

    def rate(self, step: Value, horizon: Horizon) -> Value:
        del step, horizon
        return constant(self.value, DType.float32)
