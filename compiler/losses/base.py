"""What a loss is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import Described, Registry

from ..ir import TensorType, Value


@dataclass(frozen=True, kw_only=True)
class Loss(Described):
    """A loss compares an output of the network with a target. The objective is the mean of its elements."""

    registry: ClassVar[Registry[Loss]] = Registry("loss")
    default_target: ClassVar[str] = "target"
    """The target's name when the spec does not say: `label` for classes, `target` for numbers."""
    target_range: ClassVar[tuple[float, float] | None] = None
    """The least and the largest number that a target may be, where there are such."""

    @abstractmethod
    def target_type(self, output: TensorType) -> TensorType:
        """Dtype and shape (batch axis included) of the target for this output. Raises BuildError if none fits."""

    def classes(self, output: TensorType) -> int | None:
        """How many classes an integer target may name (0 … classes-1), or None when the target is no class."""
        del output
        return None

    @abstractmethod
    def elements(self, output: Value, target: Value) -> Value:
        """The loss of every element, whose mean is the objective; its first axis is the batch."""


@dataclass(frozen=True, kw_only=True)
class SequenceLoss(Loss):
    """A loss whose elements are those of whole sequences, (batch): it leaves out itself the steps that do not count.

    Its target is a row of labels, which may end early.
    """

    @property
    @abstractmethod
    def padding(self) -> int:
        """The label that stands in a row after its end."""

    @abstractmethod
    def elements_of_valid(self, output: Value, target: Value, valid: Value | None) -> Value:
        """The loss of every sequence, (batch), over the steps where `valid`, booleans (batch, time), is true.

        None means all steps. The target has `padding` after the end of each row.
        """

    def elements(self, output: Value, target: Value) -> Value:
        return self.elements_of_valid(output, target, None)
