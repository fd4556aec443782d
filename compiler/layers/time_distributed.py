"""What stands before and after the layers of a `time_distributed`: steps as rows, and rows as steps again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BuildError
from ..ir import DType, Value, product, shape_text
from ..ops.shapes import reshape
from .base import Layer, LayerContext


@dataclass(frozen=True, kw_only=True)
class OfSteps(Layer):
    """What the composite `time_distributed` puts around its layers; nobody writes it.

    It makes its value of the first input; of a second one it reads the length alone.
    """

    arity: ClassVar[tuple[int, int | None]] = (1, 2)

    @property
    def causal(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Steps(OfSteps):
    """(batch, time, …) becomes (batch·time, …): every step a row.

    A second input is the sequence that this one goes with, of which it must have the batch and the time; then a step
    may be a single number, such as a length. Raises BuildError for text, where the steps have no axis, and for an
    input of another length.
    """

    kind: ClassVar[str] = "steps"

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        x, *beside = inputs
        if x.dtype is DType.string:
            message = f"a time_distributed works on numbers, received {x.type}"
            raise BuildError(message, "give the network numbers of words, by an input with `tokens`")
        if x.rank < 3 and not beside:
            raise BuildError(
                f"needs a sequence whose steps have an axis, (batch, time, …, n), received {shape_text(x.shape)}",
                "where each step is a single number put `expand_dims: -1` before it",
            )
        for other in beside:
            if other.shape[:2] != x.shape[:2]:
                raise BuildError(
                    f"the sequences have different lengths: {shape_text(other.shape)} and {shape_text(x.shape)}",
                    "both need the same time axis, the first after the batch",
                )
        return reshape(x, (product(x.shape[:2]), *x.shape[2:]))


@dataclass(frozen=True, kw_only=True)
class TimeDistributed(OfSteps):
    """(batch·time, …) becomes (batch, time, …). The second input is a sequence that has this batch and time.

    Raises BuildError where the rows are no longer the steps.
    """

    kind: ClassVar[str] = "time_distributed"

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        x, sequence = inputs
        steps = product(sequence.shape[:2])
        if x.shape[:1] != (steps,):
            raise BuildError(
                f"its layers make {shape_text(x.shape)} of {steps} steps, but must make one result of each",
                "end with a value whose first axis goes through the steps",
            )
        return reshape(x, (*sequence.shape[:2], *x.shape[1:]), sequence)
