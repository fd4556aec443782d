"""What a metric is: sums that add over batches, and the formula the runtime finishes them with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from netwright.schema import Described, Registry

from ..errors import BuildError
from ..ir import TensorType, Value

Finalize = Literal["ratio", "root_ratio", "exponential_ratio", "r2", "confusion", "precision", "recall", "f1"]


@dataclass(frozen=True, kw_only=True)
class Metric(Described):
    """A metric compares an output with a target. See docs/architecture.md for the `finalize` formulas."""

    registry: ClassVar[Registry[Metric]] = Registry("metric")
    finalize: ClassVar[Finalize] = "ratio"
    goal: ClassVar[Literal["min", "max"]] = "max"

    @property
    def padding(self) -> int | None:
        """The label after the end of a row of labels, for a metric that reads such; the loss must mean the same."""
        return None

    def check(self, output: TensorType, target: TensorType) -> None:
        """Raise BuildError when the metric makes no sense for this output and target."""

    @abstractmethod
    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        """Suffix -> sum over the batch, in the order of the formula, e.g. {"sum": …, "weight": …}.

        A name that carries its settings (`top_3`) is given by `label`.
        """

    def sums_of_valid(self, output: Value, target: Value, valid: Value) -> Mapping[str, Value]:
        """`sums` over the steps of sequences where `valid`, (batch, time) of numbers, is 1 and not 0.

        Raises BuildError for a metric that knows no such form.
        """
        del output, target, valid
        raise BuildError(
            f"'{self.kind}' cannot leave out the steps that the loss does not count", "use `accuracy` or `top_k`"
        )

    @property
    def label(self) -> str:
        """The metric's name in graphs, logs and summaries."""
        return self.kind
