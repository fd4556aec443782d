"""Normally distributed numbers, whole and truncated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from .. import random
from ..ir import Value
from .base import Initializer


@Initializer.registry.register("normal")
@dataclass(frozen=True, kw_only=True)
class Normal(Initializer):
    """Normally distributed."""

    example: ClassVar[str] = "normal: {stddev: 0.01}"
    mean: float = spec_field("Mean.", default=0.0)
    stddev: float = spec_field("Standard deviation.", default=0.05, exclusive_minimum=0)

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del fan_in, fan_out
        return random.normal(key, shape, self.mean, self.stddev)


@Initializer.registry.register("truncated_normal")
@dataclass(frozen=True, kw_only=True)
class TruncatedNormal(Initializer):
    """Normally distributed, without values further than two `stddev` from the mean.

    What is left has a standard deviation of 0.880 · stddev.
    """

    example: ClassVar[str] = "truncated_normal: {stddev: 0.02}"
    mean: float = spec_field("Mean.", default=0.0)
    stddev: float = spec_field("Standard deviation before the cut.", default=0.05, exclusive_minimum=0)

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del fan_in, fan_out
        return random.truncated_normal(key, shape, self.mean, self.stddev)
