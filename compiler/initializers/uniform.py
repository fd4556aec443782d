"""Evenly distributed numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from .. import random
from ..errors import BuildError
from ..ir import Value
from .base import Initializer


@Initializer.registry.register("uniform")
@dataclass(frozen=True, kw_only=True)
class Uniform(Initializer):
    """Evenly distributed between `low` and `high`."""

    example: ClassVar[str] = "uniform: {low: -0.1, high: 0.1}"
    low: float = spec_field("The least value.", default=-0.05)
    high: float = spec_field("The value all stay below.", default=0.05)

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del fan_in, fan_out
        if self.low >= self.high:
            raise BuildError(f"`low` must be less than `high`, received {self.low} and {self.high}", path=("low",))
        return random.uniform(key, shape, self.low, self.high)
