"""The loss whose gradient is Rosenblatt's learning rule: `perceptron`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..ir import TensorType, Value, constant
from ..ops import op
from .base import Loss
from .checks import same_type


@Loss.registry.register("perceptron")
@dataclass(frozen=True, kw_only=True)
class Perceptron(Loss):
    """max(0, −s·z) for the output z and the sign s of the class; the gradient is −s where s·z ≤ 0, else 0.

    A target above 0 means s = 1, any other s = −1, so labels 0 and 1 serve as well as −1 and 1. The target has the
    output's shape. z = 0 counts as a mistake, so that weights that start at 0 learn.

    With `sgd` and `batch_size: 1` this is the perceptron rule w ← w + learning_rate · s · x for each mistake. It ends
    after finitely many mistakes if a line separates the classes (Novikoff 1962), and never otherwise.
    Rosenblatt, The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain, 1958.
    """

    example: ClassVar[str] = "perceptron: {target: answer}"

    default_target: ClassVar[str] = "label"

    def target_type(self, output: TensorType) -> TensorType:
        return same_type(output)

    def elements(self, output: Value, target: Value) -> Value:
        signed = op.Where(op.Greater(target, 0), output, -output)
        return op.Where(op.LessOrEqual(signed, 0), -signed, constant(0.0, output.dtype))
