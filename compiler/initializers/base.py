"""What an initializer is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import Described, Registry

from ..ir import Value


@dataclass(frozen=True, kw_only=True)
class Initializer(Described):
    """How a state tensor gets its first value, as graph arithmetic in `init.onnx`."""

    registry: ClassVar[Registry[Initializer]] = Registry("initializer")

    @abstractmethod
    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        """The initial float32 tensor of `shape`. `key` is the random generator's scalar key for this tensor.

        Raises BuildError when the settings do not fit the shape.
        """
