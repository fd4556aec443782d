"""The same number everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..ir import DType, Value, constant
from ..ops import op
from .base import Initializer


def filled(value: float, shape: tuple[int, ...]) -> Value:
    """A float32 tensor of one number; `init.onnx` stores the number only."""
    return op.Expand(constant(value, DType.float32), shape)


@Initializer.registry.register("zeros")
@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer):
    """All 0."""

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del key, fan_in, fan_out
        return filled(0.0, shape)


@Initializer.registry.register("ones")
@dataclass(frozen=True, kw_only=True)
class Ones(Initializer):
    """All 1."""

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del key, fan_in, fan_out
        return filled(1.0, shape)


@Initializer.registry.register("constant")
@dataclass(frozen=True, kw_only=True)
class Constant(Initializer):
    """All the same number: `constant: 0.1`."""

    example: ClassVar[str] = "constant: 0.1"
    shorthand: ClassVar[str | None] = "value"
    value: float = spec_field("The number.")

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del key, fan_in, fan_out
        return filled(self.value, shape)
