"""The loss of sequences whose labels stand in order but at no known step: `connectionist_temporal_classification`.

The sum over all alignments is a loop over time in logarithms. Its gradient is left to the loop's own: going backward,
each state hands on the shares exp(aᵢ − ln Σ exp(aⱼ)) of what it received, so what arrives at a step is the posterior of
the forward–backward algorithm, made of products of numbers from 0 to 1 alone. The textbook's exp(α + β − ln p) is the
same number as a difference of logarithms as large as the sequence is long, which float32 rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Dim, DType, TensorType, Value, constant, symbol
from ..ops import op
from ..ops.loops import scan
from ..ops.shape_values import shape_value
from ..ops.shapes import reshape
from ..ops.slicing import FAR
from .base import SequenceLoss
from .checks import number_of_classes
from .sequences import label_counts, positions

IMPOSSIBLE: Final = -1e30
"""The logarithm of a probability of 0: finite, as differences of infinities are no numbers."""

LABEL_LENGTH: Final = "label_length"
"""The symbolic axis of labels: how many the longest of a batch has."""


@SequenceLoss.registry.register("connectionist_temporal_classification")
@dataclass(frozen=True, kw_only=True)
class ConnectionistTemporalClassification(SequenceLoss):
    """−ln p(labels), the sum of the probabilities of all alignments of the labels with the steps of the output z, given
    *before* the softmax.

    | | shape |
    |---|---|
    | output | (batch, time, classes), one of the classes being the blank |
    | target | (batch, label_length), int64, 0 … classes − 1 |
    | `lengths`, or `mask` | which steps of the output count, as for any loss of sequences; all unless given |
    | `label_lengths` | a column of the data, (batch), int64: how many labels each example has |

    At each step the network names a label or the blank; an alignment means its labels with repetitions taken
    together and blanks left out: with − for the blank, `a a − a b b` means `a a b`. Labels after the end of a shorter
    row are padding: those after `label_lengths`, or, without it, every blank. The loss of each example is the sum over
    its steps; the objective is the mean over the examples (PyTorch's `ctc_loss` with `reduction="none"`, then the mean;
    its own `mean` divides by the lengths of the labels first).

    Labels that need more steps than there are (one for each, and one more between equal neighbours) have probability 0:
    the loss is infinite, which ends training with a message, or, with `zero_infinity`, 0. The gradient is 0 in both.

    Reading the labels from an output is `best_path` in `netwright.runtime`; the metrics `label_error_rate` and
    `exact_labels` do it too.

    Graves, Fernández, Gomez and Schmidhuber, Connectionist Temporal Classification, ICML 2006.
    """

    example: ClassVar[str] = """
inputs: {sound: [time, 13], steps: {shape: [], dtype: int64}}
network:
  - lstm: {units: 32, bidirectional: true, lengths: steps, from: sound}
  - dense: {units: 27, name: letters}
training:
  loss: {connectionist_temporal_classification: {target: text, lengths: steps, label_lengths: text_length}}
  metrics: [label_error_rate]
"""
    default_target: ClassVar[str] = "labels"
    blank: int = spec_field("The class that means no label.", default=0, minimum=0)
    zero_infinity: bool = spec_field(
        "Whether examples whose labels do not fit into their steps count 0 and not infinity.", default=False
    )

    @property
    def padding(self) -> int:
        return self.blank

    def target_type(self, output: TensorType) -> TensorType:
        classes = number_of_classes(output)
        if len(output.shape) != 3:
            raise BuildError(f"needs an output of shape (batch, time, classes), received {output}")
        if self.blank >= classes:
            raise BuildError(
                f"the blank must be one of the {classes} classes, received {self.blank}",
                f"classes are counted from 0, so the last is {classes - 1}",
                ("blank",),
            )
        return TensorType(DType.int64, (output.shape[0], symbol(LABEL_LENGTH)))

    def classes(self, output: TensorType) -> int:
        return number_of_classes(output)

    def elements_of_valid(self, output: Value, target: Value, valid: Value | None) -> Value:
        states, skips = self._states(target)
        alpha, common = _log_forward(op.Transpose(op.LogSoftmax(output, axis=-1), perm=[1, 0, 2]), states, skips, valid)
        impossible = constant(IMPOSSIBLE, output.dtype)
        after_end = positions(states) - label_counts(target, self.blank) * 2
        ends = op.Or(op.Equal(after_end, 0), op.Equal(after_end, -1))  # the last label, or the blank after it
        ending = op.ReduceLogSumExp(op.Where(ends, alpha, impossible), [1], keepdims=1)
        otherwise = constant(0.0 if self.zero_infinity else np.inf, output.dtype)
        loss = op.Where(op.Greater(ending, impossible * 0.5), -(ending + common), otherwise)
        return op.Squeeze(loss, [1])

    def _states(self, target: Value) -> tuple[Value, Value]:
        """The class of each state, (batch, 2·label_length + 1), blanks and labels by turns; and, in logarithms, whether
        a path may come to it from the state two before: to a label, after a different one."""
        batch, length = target.shape
        blanks = self._blanks(target, length)
        pairs = op.Concat(op.Unsqueeze(blanks, [2]), op.Unsqueeze(target, [2]), axis=2)
        states = op.Concat(reshape(pairs, (batch, 2 * length)), self._blanks(target, 1), axis=1)
        two_before = op.Concat(self._blanks(target, 2), op.Slice(states, [0], [-2], [1]), axis=1)
        skips = op.And(op.Not(op.Equal(states, self.blank)), op.Not(op.Equal(states, two_before)))
        return states, skips

    def _blanks(self, target: Value, count: Dim) -> Value:
        return op.Expand(constant(np.int64(self.blank)), shape_value((target.shape[0], count), target))


def _log_forward(log_probabilities: Value, states: Value, skips: Value, valid: Value | None) -> tuple[Value, Value]:
    """ln α of every state after the last step that counts, (batch, states), less a number for each row, (batch, 1).

    Before the first step the path is in the first state for certain. Two impossible states stand before it, so that
    every state has two before. What all states have in common is taken out at every step, as α would otherwise grow
    with the sequence, and with it its rounding; whole numbers, since these have no derivative and need none.
    """
    batch, count = states.shape
    time = log_probabilities.shape[0]
    dtype = log_probabilities.dtype
    index = op.Expand(op.Unsqueeze(states, [0]), shape_value((time, batch, count), log_probabilities, states))
    emitted = op.GatherElements(log_probabilities, index, axis=2)
    impossible = constant(IMPOSSIBLE, dtype)
    before = op.Expand(impossible, shape_value((batch, 2), states))
    first = op.Where(op.Equal(positions(states), 0), constant(0.0, dtype), impossible)
    start = op.Concat(before, op.Expand(first, shape_value((batch, count), states)), axis=1)
    barred = op.Where(skips, constant(0.0, dtype), impossible)

    def step(now: list[Value], slices: list[Value]) -> tuple[list[Value], list[Value]]:
        (alpha,) = now
        ways = [op.Slice(alpha, [2], [FAR], [1]), op.Slice(alpha, [1], [-1], [1])]
        ways.append(op.Slice(alpha, [0], [-2], [1]) + barred)
        reached = op.ReduceLogSumExp(op.Concat(*(op.Unsqueeze(way, [0]) for way in ways), axis=0), [0], keepdims=0)
        reached = reached + slices[0]
        part = op.Floor(op.ReduceMax(reached, [1], keepdims=1))
        following = op.Concat(before, reached - part, axis=1)
        if valid is None:
            return [following], [part]
        return [op.Where(slices[1], following, alpha)], [op.Where(slices[1], part, 0.0)]

    given = [emitted]
    if valid is not None:
        given.append(op.Unsqueeze(op.Transpose(valid, perm=[1, 0]), [2]))
    (final,), (parts,) = scan(step, [start], given)
    return op.Slice(final, [2], [FAR], [1]), op.ReduceSum(parts, [0], keepdims=0)
