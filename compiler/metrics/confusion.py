"""Metrics made of the confusion matrix: `confusion_matrix`, `precision`, `recall`, `f1`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import DType, TensorType, Value, constant
from ..ops import op
from ..ops.cast import cast
from .base import Finalize, Metric
from .problem import check_classes, is_categorical, predicted_and_true

MOST_CLASSES: Final = 5_000
"""The counts are 100 MB then."""


@dataclass(frozen=True, kw_only=True)
class _Confusion(Metric):
    threshold: float = spec_field(
        "Only for 0/1 targets: above it the output says class 1; 0 suits outputs before the sigmoid.", default=0.0
    )

    def check(self, output: TensorType, target: TensorType) -> None:
        check_classes(output, target)
        classes = output.shape[-1] if is_categorical(output, target) else 2
        if isinstance(classes, int) and classes > MOST_CLASSES:
            raise BuildError(
                f"counts every class against every other, at most {MOST_CLASSES:,} of them, received {classes:,}",
                "use `accuracy` or `top_k`",
            )

    def sums(self, output: Value, target: Value) -> Mapping[str, Value]:
        predicted, true, classes = predicted_and_true(output, target, self.threshold)
        # counts[i, j] = Σ [true = i]·[predicted = j]: a product of two one-hot matrices
        rows, columns = _one_hot(true, classes), _one_hot(predicted, classes)
        return {"counts": op.Transpose(rows, perm=(1, 0)) @ columns}


@Metric.registry.register("confusion_matrix")
@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix(_Confusion):
    """How often each class (row) was taken for each class (column): K×K counts."""

    finalize: ClassVar[Finalize] = "confusion"


@Metric.registry.register("precision")
@dataclass(frozen=True, kw_only=True)
class Precision(_Confusion):
    """Of the examples said to be of a class, the share that are, averaged over the classes that occur."""

    finalize: ClassVar[Finalize] = "precision"


@Metric.registry.register("recall")
@dataclass(frozen=True, kw_only=True)
class Recall(_Confusion):
    """Of the examples of a class, the share that were found, averaged over the classes that occur."""

    finalize: ClassVar[Finalize] = "recall"


@Metric.registry.register("f1")
@dataclass(frozen=True, kw_only=True)
class F1(_Confusion):
    """The harmonic mean of a class's precision and recall, averaged over the classes that occur."""

    finalize: ClassVar[Finalize] = "f1"


def _one_hot(classes: Value, count: int) -> Value:
    """(n, count) float32 with a 1 at each class, n the number of positions."""
    column = op.Reshape(classes, constant(np.array([-1, 1])))
    return cast(op.Equal(column, constant(np.arange(count, dtype=np.int64))), DType.float32)
