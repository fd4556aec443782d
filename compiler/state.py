"""What survives a training step: the declaration of each state tensor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .errors import Origin
from .ir import DType

if TYPE_CHECKING:
    from .initializers import Initializer

StateKind = Literal["parameter", "statistic", "slot", "counter", "scale", "fitted", "carried"]
"""`carried` is what recurrent layers hand from batch to batch; a host sets it to 0 when an epoch begins."""


@dataclass(frozen=True)
class State:
    """A state tensor. Its shape is static; its name is its name in every graph and in checkpoints.

    `fan_in` and `fan_out` are what initializers scale by; `regularized` parameters are those that L1/L2 apply to
    (weights, not biases or scales).
    """

    name: str
    shape: tuple[int, ...]
    kind: StateKind
    initializer: Initializer
    dtype: DType = DType.float32
    trainable: bool = True
    regularized: bool = False
    fan_in: int = 1
    fan_out: int = 1
    origin: Origin | None = field(default=None, compare=False)
