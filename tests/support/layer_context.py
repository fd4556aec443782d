"""A `LayerContext` outside any network: parameters are inputs with random values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from netwright.compiler import random
from netwright.compiler.emit import read_model
from netwright.compiler.foreign import ForeignModel
from netwright.compiler.initializers import Initializer
from netwright.compiler.ir import Array, DType, Shape, Value, constant, graph_input
from netwright.compiler.layer_context import Fitting
from netwright.compiler.layers.base import Statistic

from support.examples import INCLUDED


@dataclass(frozen=True)
class Asked:
    """What a layer said about a parameter."""

    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int
    fan_out: int
    regularized: bool


@dataclass
class RecordingContext:
    """Gives layers what they ask for, and remembers it."""

    training: bool = False
    prefix: str = ""
    asked: dict[str, Asked] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    statistics: dict[str, Value] = field(default_factory=dict)
    fittings: dict[str, Fitting] = field(default_factory=dict)

    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Initializer,
        *,
        fan_in: int = 1,
        fan_out: int = 1,
        regularized: bool = False,
        dtype: DType = DType.float32,
        trainable: bool = True,
    ) -> Value:
        name = self.prefix + name
        self.asked[name] = Asked(shape, initializer, fan_in, fan_out, regularized)
        return self.values.setdefault(name, graph_input(name, dtype, shape))

    def statistic(self, name: str, shape: tuple[int, ...], initializer: Initializer) -> Value:
        return self.values.setdefault(name, graph_input(name, DType.float32, shape))

    def update_statistic(self, name: str, value: Value) -> None:
        self.statistics[name] = value

    def fitted(self, name: str, statistic: Statistic, of: Value, axes: tuple[int, ...]) -> Value:
        self.fittings[name] = Fitting(statistic, of, axes)
        kept = tuple(dim for axis, dim in enumerate(of.shape) if axis not in axes)
        return self.values.setdefault(name, graph_input(name, DType.float32, kept))

    def vocabulary(self) -> tuple[str, ...]:
        return ("a", "b")

    def carried_state(self, size: int, x: Value, stateful: bool, initial: Value | None = None) -> Value | None:
        return None

    def carry_state(self, value: Value) -> None:
        pass

    def kept(self, name: str, shape: Shape, dtype: DType = DType.float32) -> Value | None:
        return None

    def keep(self, name: str, value: Value) -> None:
        pass

    def part(self, prefix: str) -> RecordingContext:
        return replace(self, prefix=self.prefix + prefix)

    def run_cell(self, step: Value, states: Sequence[Value]) -> tuple[Sequence[Value], Value]:
        raise AssertionError("a cell belongs to a network")

    def foreign(self, file: str) -> ForeignModel:
        return read_model(INCLUDED / file, file)

    def random_key(self, purpose: str = "") -> Value:
        assert self.training, "layers ask for random numbers only while training"
        return random.key(constant(np.int64(7)), len(purpose))

    def random_values(self, seed: int = 0) -> dict[str, Array]:
        """An array for each parameter, none of them special."""
        generator = np.random.default_rng(seed)
        return {
            name: generator.uniform(-1, 1, [int(str(dim)) for dim in value.shape]).astype(value.dtype.numpy)
            for name, value in self.values.items()
        }
