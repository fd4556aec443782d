"""How well the best path through an output reads rows of labels: `label_error_rate`, `exact_labels`.

The distance is a loop over the steps of the output: each step that names a new label is a row of the table of Wagner
and Fischer (The String-to-String Correction Problem, 1974), and each other step leaves the row as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import DType, TensorType, Value, constant
from ..losses.sequences import label_counts, positions
from ..ops import op
from ..ops.cast import cast
from ..ops.loops import scan
from ..ops.shape_values import shape_value
from .base import Metric
from .problem import count, total

_FAR: Final = 1e9
"""More than any distance."""


@dataclass(frozen=True, kw_only=True)
class _BestPath(Metric):
    """Metrics of outputs (batch, time, classes) and rows of labels (batch, label_length)."""

    blank: int = spec_field("The class that means no label, as that of the loss.", default=0, minimum=0)

    @property
    def padding(self) -> int | None:
        return self.blank

    def check(self, output: TensorType, target: TensorType) -> None:
        if len(output.shape) != 3 or len(target.shape) != 2 or not target.dtype.is_integer or not output.dtype.is_float:
            raise BuildError(
                f"needs an output (batch, time, classes) and rows of labels, but the output is {output} and the target "
                f"{target}"
            )

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        return self._sums(distances(output, target, None, self.blank), label_counts(target, self.blank))

    def sums_of_valid(self, output: Value, target: Value, valid: Value) -> Mapping[str, Value]:
        return self._sums(distances(output, target, valid, self.blank), label_counts(target, self.blank))

    @abstractmethod
    def _sums(self, distance: Value, labels: Value) -> Mapping[str, Value]:
        """The sums of each example's distance, float32 (batch, 1), and how many labels it has, int64 (batch, 1)."""


@Metric.registry.register("label_error_rate")
@dataclass(frozen=True, kw_only=True)
class LabelErrorRate(_BestPath):
    """The labels that must be inserted, deleted or replaced in what the best path reads, for each label of the target.

    The best path takes the largest class of every step; repetitions count once, blanks not at all. The target ends at
    its first blank, or after the `label_lengths` of the loss. It costs a loop over time at each step of training, with
    label_length² numbers for every step and example. Graves et al. 2006.
    """

    example: ClassVar[str] = """
inputs: {sound: [time, 13]}
network:
  - gru: {units: 32, bidirectional: true}
  - dense: 27
training:
  loss: {connectionist_temporal_classification: {blank: 26}}
  metrics: [{label_error_rate: {blank: 26}}]
"""
    goal: ClassVar[Literal["min", "max"]] = "min"

    def _sums(self, distance: Value, labels: Value) -> Mapping[str, Value]:
        return {"sum": total(distance), "weight": total(labels)}


@Metric.registry.register("exact_labels")
@dataclass(frozen=True, kw_only=True)
class ExactLabels(_BestPath):
    """The share of examples whose labels the best path reads without any mistake; see `label_error_rate`."""

    example: ClassVar[str] = """
inputs: {sound: [time, 13]}
network:
  - gru: {units: 32, bidirectional: true}
  - dense: 27
training:
  loss: {connectionist_temporal_classification: {blank: 26}}
  metrics: [{exact_labels: {blank: 26}}]
"""

    def _sums(self, distance: Value, labels: Value) -> Mapping[str, Value]:
        return {"sum": total(op.Equal(distance, 0)), "weight": count(labels)}


def distances(output: Value, target: Value, valid: Value | None, blank: int) -> Value:
    """Insertions, deletions and replacements from the best path of each example to its labels, float32 (batch, 1).

    The table is kept less the column's number: then an insertion is free, and a row ends as a running minimum.
    """
    (batch, length), (labels, is_new) = target.shape, _best_path(output, valid, blank)
    first = op.Expand(constant(0.0, DType.float32), shape_value((batch, 1 + length), target))
    outside = op.Expand(constant(_FAR, DType.float32), shape_value((batch, 1), target))
    columns = positions(first)
    earlier = op.Unsqueeze(op.Transpose(columns, perm=[1, 0]), [0])  # (1, from, 1) against (1, 1, to)
    barred = op.Where(op.Greater(earlier, op.Unsqueeze(columns, [1])), constant(_FAR, DType.float32), 0.0)

    def step(now: list[Value], slices: list[Value]) -> tuple[list[Value], list[Value]]:
        (row,) = now
        label, new = slices
        differs = cast(op.Not(op.Equal(target, label)), DType.float32)
        replaced = op.Concat(outside, op.Slice(row, [0], [-1], [1]) + differs - 1, axis=1)
        best = op.Min(row + 1, replaced)
        inserted = op.ReduceMin(op.Unsqueeze(best, [2]) + barred, [1], keepdims=0)
        return [op.Where(new, inserted, row)], []

    (last,), _ = scan(step, [first], [labels, is_new])
    counts = label_counts(target, blank)
    at_end = op.Where(op.Equal(columns, counts), last, 0.0)
    return op.ReduceSum(at_end, [1], keepdims=1) + cast(counts, DType.float32)


def _best_path(output: Value, valid: Value | None, blank: int) -> tuple[Value, Value]:
    """The largest class of every step, (time, batch, 1), and whether that is a label which the step before is not."""
    path = op.Transpose(op.ArgMax(output, axis=2, keepdims=1), perm=[1, 0, 2])
    if valid is not None:
        path = op.Where(op.Unsqueeze(op.Transpose(cast(valid, DType.boolean), perm=[1, 0]), [2]), path, blank)
    nothing = op.Expand(constant(np.int64(blank)), shape_value((1, output.shape[0], 1), output))
    before = op.Concat(nothing, op.Slice(path, [0], [-1], [0]), axis=0)
    return path, op.And(op.Not(op.Equal(path, blank)), op.Not(op.Equal(path, before)))
