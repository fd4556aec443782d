"""What the recurrent layers have in common: the loop over time, directions, stacking, masks and states.

A layer of its own only says what its cell computes (`rnn`, `lstm`, `gru`). The product of all steps' inputs with the
input weights is taken before the loop, as one matrix product; inside are the recurrent product and the gates.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from netwright.schema import spec_field

from .. import random
from ..errors import BuildError
from ..initializers import GlorotUniform, Initializer, Zeros
from ..ir import DType, Value, apply, constant, op, shape_text
from ..ops.loops import scan
from ..ops.shape_values import shape_value
from ..ops.slicing import FAR
from .base import Layer, LayerContext
from .checks import require_float, static_sizes, valid_steps, values_of_fields
from .recurrence_settings import RecurrenceSettings

Cell = Callable[[Value, Sequence[Value]], "tuple[Sequence[Value], Value]"]
"""(one step of the input, states) -> (next states, output of the step)"""


@dataclass(frozen=True, kw_only=True)
class Recurrence(RecurrenceSettings, Layer):
    """A layer that goes through time step by step."""

    arity: ClassVar[tuple[int, int | None]] = (1, 4)

    @property
    def causal(self) -> bool:
        """The step form takes the state from outside: before the first step zeros, or what `initial_from` names."""
        return self.lengths is None and self.initial == "zeros"

    @property
    def remembers(self) -> bool:
        return True

    @abstractmethod
    def run(self, context: LayerContext, steps: Value, loops: Loops) -> tuple[Value, Value]:
        """The outputs of all steps, (time, batch, …), for the input (time, batch, …), and the last one, (batch, …)."""

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        x = inputs[0]
        given = values_of_fields(self, inputs)
        require_float(x)
        if x.rank != 3:
            raise BuildError(
                f"needs a sequence of shape (batch, time, features), received {shape_text(x.shape)}",
                "for numbers of whole words put an `embedding` before it",
            )
        loops = Loops(context, self, x, given)
        every, last = self.run(context, op.Transpose(x, perm=[1, 0, 2]), loops)
        state = loops.final_state()
        context.carry_state(state)
        if self.return_ == "sequences":
            return op.Transpose(every, perm=[1, 0, *range(2, every.rank)])
        return state if self.return_ == "state" else last


class Loops:
    """Runs the cells of one layer, and keeps account of its states.

    The state of a layer is one tensor of shape (batch, size): the states of all its cells side by side, in the order in
    which they run.
    """

    def __init__(self, context: LayerContext, layer: Recurrence, x: Value, given: Mapping[str, Value]) -> None:
        self._context = context
        self._layer = layer
        self._x = x
        self._given = given
        self._valid = self._mask()
        self._parts: list[Value] = []
        self._finals: list[Value] = []

    @property
    def training(self) -> bool:
        return self._context.training

    def rows(self, size: int) -> Value:
        """A tensor of zeros of shape (batch, size)."""
        return op.Expand(constant(0.0, DType.float32), shape_value((self._x.shape[0], size), self._x))

    def begin(self, sizes: Sequence[int]) -> None:
        """Declare the states of all cells, in the order in which they will run."""
        total = sum(sizes)
        whole = self._start(total)
        if whole is None:
            self._parts = [self.rows(size) for size in sizes]
        elif len(sizes) == 1:
            self._parts = [whole]
        else:
            self._parts = list(apply("Split", whole, constant(np.array(sizes, np.int64)), axis=-1))

    def _start(self, total: int) -> Value | None:
        """The state before the first step; None for zeros."""
        initial = self._given.get("initial_from")
        if initial is not None and (initial.rank != 2 or initial.shape[1] != total or not initial.dtype.is_float):
            raise BuildError(
                f"the state has the shape ({self._x.shape[0]}, {total}), 'initial_from' gives {initial.type}",
                path=("initial_from",),
            )
        carried = self._context.carried_state(total, self._x, self._layer.stateful, initial)
        if carried is not None or initial is not None:
            return initial if carried is None else carried
        if self._layer.initial == "learned":
            learned = self._context.parameter("initial_state", (total,), Zeros(), fan_in=total, fan_out=total)
            return op.Expand(learned, shape_value((self._x.shape[0], total), self._x))
        return None

    def run(
        self, cell: Cell, steps: Value, states: int, *, output: int | None = 0, backward: bool = False
    ) -> tuple[Value, Value]:
        """Go through (time, batch, …) with a cell of so many states: its outputs, (time, batch, …), and the last one.

        `output` is the state that the output is, if it is one. Where steps are masked, the last output is that of the
        last step which is not.
        """
        start = [self._parts.pop(0) for _ in range(states)]
        given = [steps] if self._valid is None else [steps, self._valid]

        def step(now: list[Value], slices: list[Value]) -> tuple[Sequence[Value], Sequence[Value]]:
            following, made = cell(slices[0], now)
            if len(slices) == 2:
                following = [op.Where(slices[1], new, old) for new, old in zip(following, now, strict=True)]
                made = op.Where(slices[1], made, 0.0)
            return following, [made]

        if self._x.shape[1] == 1:  # a single step needs no loop
            final, (last,) = step(start, [op.Squeeze(value, [0]) for value in given])
            every = op.Unsqueeze(last, [0])
        else:
            recompute = self._layer.backward == "recomputed"
            final, (every,) = scan(step, start, given, reverse=backward, recompute=recompute)
        self._finals += final
        if output is not None:
            return every, final[output]
        if self._valid is not None and self._layer.return_ == "last":
            message = "the last output of a masked sequence must be a state"
            raise BuildError(message, "return the sequences, or the state", ("return",))
        return every, op.Squeeze(op.Slice(every, [-1], [FAR], [0]), [0])

    def _mask(self) -> Value | None:
        """(time, batch, 1), true where there is no padding."""
        for field in ("mask", "lengths"):
            if field in self._given:
                valid = valid_steps(field, self._given[field], self._x)
                return op.Unsqueeze(op.Transpose(valid, perm=[1, 0]), [2])
        return None

    def final_state(self) -> Value:
        return self._finals[0] if len(self._finals) == 1 else op.Concat(*self._finals, axis=-1)


@dataclass(frozen=True, kw_only=True)
class GatedRecurrence(Recurrence):
    """A stack of layers, in one direction or both, of a cell with a fixed set of weights."""

    shorthand: ClassVar[str | None] = "units"
    units: int = spec_field("Numbers in the output of a step.", minimum=1)
    layers: int = spec_field("How many such layers, each reading the outputs of the one before.", default=1, minimum=1)
    bidirectional: bool = spec_field(
        "Whether a second loop, with weights of its own, goes from the last step to the first; the outputs of both are "
        "put side by side. It needs the whole sequence.",
        default=False,
    )
    dropout: float = spec_field(
        "Between stacked layers: probability of a zero, as the layer `dropout`.",
        default=0.0,
        minimum=0,
        exclusive_maximum=1,
    )
    recurrent_dropout: float = spec_field(
        "In what a step reads of the state's output: probability of a zero, the same ones at every step of a sequence "
        "(Gal and Ghahramani 2016).",
        default=0.0,
        minimum=0,
        exclusive_maximum=1,
    )
    weight_initializer: Initializer = spec_field(
        "First values of `weight`; `glorot_uniform`, for each gate, unless given.", default_factory=GlorotUniform
    )
    recurrent_initializer: Initializer = spec_field(
        "First values of `recurrent_weight`; `glorot_uniform`, for each gate, unless given.",
        default_factory=GlorotUniform,
    )

    cell_states: ClassVar[int] = 1

    @property
    def causal(self) -> bool:
        return super().causal and not self.bidirectional

    @abstractmethod
    def weights(self, ask: Weights, size: int) -> Mapping[str, Value]:
        """The parameters of one cell, for steps of so many numbers."""

    @abstractmethod
    def project(self, steps: Value, weights: Mapping[str, Value]) -> Value:
        """What a cell makes of the input alone, for all steps at once."""

    @abstractmethod
    def cell(
        self, projected: Value, states: Sequence[Value], read: Value, weights: Mapping[str, Value]
    ) -> Sequence[Value]:
        """The next states; the first of them is the output. `read` is the first state, with its dropout."""

    def run(self, context: LayerContext, steps: Value, loops: Loops) -> tuple[Value, Value]:
        directions = ("", "backward_") if self.bidirectional else ("",)
        loops.begin([self.state_size] * (self.layers * len(directions) * self.cell_states))
        every, last = steps, steps
        for number in range(self.layers):
            if number and self.dropout and context.training:
                every = every * random.dropout_mask(context.random_key(f"dropout{number}"), every, self.dropout)
            ends = [
                self._direction(context, every, loops, f"{f'layer{number + 1}_' if number else ''}{direction}")
                for direction in directions
            ]
            every, last = (
                values[0] if len(values) == 1 else op.Concat(*values, axis=-1) for values in zip(*ends, strict=True)
            )
        return every, last

    @property
    def state_size(self) -> int:
        return self.units

    def _direction(self, context: LayerContext, steps: Value, loops: Loops, prefix: str) -> tuple[Value, Value]:
        (size,) = static_sizes(steps.shape[-1:], steps, "the last axis of a recurrent layer's input")
        weights = self.weights(Weights(context, prefix), size)
        kept: Value | None = None
        if self.recurrent_dropout and context.training:
            key = context.random_key(f"{prefix}recurrent_dropout")
            kept = random.dropout_mask(key, loops.rows(self.state_size), self.recurrent_dropout)

        def cell(step: Value, states: Sequence[Value]) -> tuple[Sequence[Value], Value]:
            following = self.cell(step, states, states[0] if kept is None else states[0] * kept, weights)
            return following, following[0]

        projected = self.project(steps, weights)
        return loops.run(cell, projected, self.cell_states, backward=prefix.endswith("backward_"))


@dataclass(frozen=True)
class Weights:
    """Asks for the parameters of one cell by their local names."""

    context: LayerContext
    prefix: str

    def matrix(self, name: str, rows: int, columns: int, initializer: Initializer, gates: int = 1) -> Value:
        """A matrix with the columns of several gates side by side; each gate is initialized as a matrix of its own."""
        shape = (rows, columns)
        fan_out = columns // gates
        full = f"{self.prefix}{name}"
        return self.context.parameter(full, shape, initializer, regularized=True, fan_in=rows, fan_out=fan_out)

    def vector(self, name: str, size: int, initializer: Initializer | None = None) -> Value:
        return self.context.parameter(
            f"{self.prefix}{name}", (size,), initializer or Zeros(), fan_in=size, fan_out=size
        )
