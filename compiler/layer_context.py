"""What a layer asks of the network that it is built into: tensors, random numbers, and states that go on.

One `Context` for each use of a layer; a `CellContext` for a layer inside a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import random
from .errors import BuildError
from .initializers import Initializer, Ones, Tied, Zeros
from .ir import DType, Shape, Value, graph_input, is_static, reachable, shape_text, symbol
from .layers.base import LayerContext, Statistic
from .ops import op
from .ops.shape_values import shape_value
from .ops.shapes import reshape
from .ops.slicing import FAR, take
from .spec.settings import LayerEntry
from .state import State
from .variables import Variables

if TYPE_CHECKING:
    from .foreign import ForeignModel

BATCH = symbol("batch")


@dataclass(frozen=True)
class Fitting:
    """A statistic of a value over axes and all training examples."""

    statistic: Statistic
    of: Value
    axes: tuple[int, ...]


@dataclass
class Carrying:
    """How the states of recurrent layers go from one run of a graph to the next.

    rows: in training, the examples of a batch; None where states are not carried from batch to batch.
    stepping: the inputs and layers that go on where the graph's last call ended, in a graph that does; their states are
        inputs and outputs of it.
    single: whether such a graph takes one step a call, not several.
    """

    rows: int | None = None
    stepping: Collection[str] = ()
    single: bool = False
    initial: dict[str, Value] = field(default_factory=dict)
    """Of such a graph: name of each state -> where the first step starts from, if that is not zeros."""
    given: dict[str, Value] = field(default_factory=dict)
    """Name of each state that the graph brings -> the input or state tensor."""
    following: dict[str, Value] = field(default_factory=dict)
    """The same names -> the value after the graph's steps."""


@dataclass
class Context:
    """A `LayerContext` for one layer."""

    entry: LayerEntry
    variables: Variables
    random_counter: Value | None
    statistics: dict[str, Value]
    fittings: dict[str, Fitting]
    vocabularies: Mapping[str, Sequence[str]]
    carrying: Carrying
    base: Path | None
    cell: Callable[[LayerEntry, Value, Sequence[Value]], tuple[Sequence[Value], Value]]
    steps: bool = False
    """Whether the layer goes step by step."""
    each_step: bool = False
    """Whether the layer is inside a `time_distributed`, where a row is a step."""
    prefix: str = ""
    """Of all names that the layer asks for."""

    def _full_name(self, name: str) -> str:
        return f"{self.entry.name}/{self.prefix}{name}"

    def run_cell(self, step: Value, states: Sequence[Value]) -> tuple[Sequence[Value], Value]:
        return self.cell(self.entry, step, states)

    @property
    def training(self) -> bool:
        return self.random_counter is not None

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
        full = self._full_name(name)
        if isinstance(initializer, Tied):
            return self.variables.tied(full, shape, initializer)
        return self.variables.declare(
            State(
                full,
                shape,
                "parameter",
                initializer,
                dtype=dtype,
                trainable=trainable,
                regularized=regularized,
                fan_in=fan_in,
                fan_out=fan_out,
                origin=self.entry.origin,
            )
        )

    def statistic(self, name: str, shape: tuple[int, ...], initializer: Initializer) -> Value:
        full = self._full_name(name)
        value = self.variables.declare(
            State(full, shape, "statistic", initializer, trainable=False, origin=self.entry.origin)
        )
        return self.statistics.get(full, value)  # a shared layer goes on from its use before

    def update_statistic(self, name: str, value: Value) -> None:
        if self.training:
            self.statistics[self._full_name(name)] = value

    def fitted(self, name: str, statistic: Statistic, of: Value, axes: tuple[int, ...]) -> Value:
        full = self._full_name(name)
        kept = tuple(dim for axis, dim in enumerate(of.shape) if axis not in axes)
        if not is_static(kept):
            raise BuildError(
                f"'{full}' would have the shape {shape_text(kept)}, but statistics need fixed sizes",
                "fit them `per: channel` or `per: all`",
            )
        shape = tuple(dim for dim in kept if isinstance(dim, int))
        start = Ones() if statistic in ("root_mean", "maximum") else Zeros()
        value = self.variables.declare(State(full, shape, "fitted", start, trainable=False, origin=self.entry.origin))
        if full not in self.fittings:  # a layer applied again uses what was fitted to its first input
            self._require_known_before_training(full, of)
            self.fittings[full] = Fitting(statistic, of, axes)
        return value

    def _require_known_before_training(self, name: str, of: Value) -> None:
        """A statistic is fitted once, before the first step: so nothing that training changes may be part of it."""
        read = {value for node in reachable([of]) for value in node.given_inputs}
        for state in self.variables.of_kind("parameter", "statistic").values():
            if self.variables.values[state.name] in read:
                raise BuildError(
                    f"'{name}' is fitted before training, but its values depend on '{state.name}', "
                    "which training changes",
                    "put the layer before the layers that learn, or give its numbers",
                )

    def vocabulary(self) -> tuple[str, ...]:
        words = self.vocabularies.get(self.entry.name)
        if words is None:
            raise BuildError(
                f"the vocabulary of '{self.entry.name}' is fitted to the training texts, which are not at hand",
                "make the data available, or write `vocabulary: [...]`",
            )
        return tuple(words)

    def carried_state(self, size: int, x: Value, stateful: bool, initial: Value | None = None) -> Value | None:
        name = self._full_name("state")
        if self.each_step and stateful:
            message = "a recurrent layer inside a time_distributed starts anew in every step, so it cannot be stateful"
            raise BuildError(message, "leave `stateful` out", ("stateful",))
        if self.steps:
            if initial is not None:
                self.carrying.initial[name] = initial
            self.carrying.given[name] = graph_input(name, DType.float32, (BATCH, size))
            return self.carrying.given[name]
        if not (stateful and self.training and self.carrying.rows is not None):
            return None
        if name in self.carrying.given:
            raise BuildError("a stateful layer cannot be shared: it has one state", "give each use a layer of its own")
        shape = (self.carrying.rows, size)
        state = State(name, shape, "carried", Zeros(), trainable=False, origin=self.entry.origin)
        self.carrying.given[name] = self.variables.declare(state)
        return take(self.carrying.given[name], 0, 0, BATCH, x)  # the last batch of an epoch may be smaller

    def carry_state(self, value: Value) -> None:
        name = self._full_name("state")
        given = self.carrying.given.get(name)
        if given is not None and given.shape != value.shape:
            rest = op.Slice(given, shape_value([BATCH], value), [FAR], [0])
            value = reshape(op.Concat(value, rest, axis=0), given.shape)
        if given is not None:
            self.carrying.following[name] = value

    def kept(self, name: str, shape: Shape, dtype: DType = DType.float32) -> Value | None:
        if not self.steps:
            return None
        full = self._full_name(name)
        self.carrying.given[full] = graph_input(full, dtype, shape)
        return self.carrying.given[full]

    def keep(self, name: str, value: Value) -> None:
        full = self._full_name(name)
        if full in self.carrying.given:
            self.carrying.following[full] = value

    def part(self, prefix: str) -> LayerContext:
        return replace(self, prefix=self.prefix + prefix)

    def foreign(self, file: str) -> ForeignModel:
        known = self.variables.foreign
        if file not in known:
            from .emit import read_model

            if self.base is None:
                raise BuildError(f"'{file}' cannot be found: this spec is not in a file", path=("file",))
            known[file] = read_model(self.base / file, file)
        return known[file]

    def random_key(self, purpose: str = "") -> Value:
        assert self.random_counter is not None  # layers ask only while training
        return random.key(self.random_counter, random.stream_of(f"{self.entry.name}:{self.prefix}{purpose}"))


class CellContext(Context):
    """A `LayerContext` for a layer inside a cell: what a step makes cannot leave the loop but through its states."""

    def statistic(self, name: str, shape: tuple[int, ...], initializer: Initializer) -> Value:
        del name, shape, initializer
        raise BuildError("a cell cannot hold statistics of the batch", "put the layer before the recurrent layer")

    def fitted(self, name: str, statistic: Statistic, of: Value, axes: tuple[int, ...]) -> Value:
        del name, statistic, of, axes
        raise BuildError("a cell cannot hold statistics of the data", "put the layer before the recurrent layer")

    def carried_state(self, size: int, x: Value, stateful: bool, initial: Value | None = None) -> Value | None:
        del size, x, initial
        if stateful:
            raise BuildError("a recurrent layer inside a cell cannot be stateful", path=("stateful",))
        return None

    def carry_state(self, value: Value) -> None:
        pass

    def kept(self, name: str, shape: Shape, dtype: DType = DType.float32) -> Value | None:
        del name, shape, dtype
        return None
