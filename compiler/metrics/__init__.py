"""The metric family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Metric

if TYPE_CHECKING:
    from .accuracy import Accuracy, TopK
    from .best_path import ExactLabels, LabelErrorRate
    from .confusion import F1, ConfusionMatrix, Precision, Recall
    from .perplexity import Perplexity
    from .regression import R2, MeanAbsoluteError, RootMeanSquaredError

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "ConfusionMatrix",
    "ExactLabels",
    "LabelErrorRate",
    "MeanAbsoluteError",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopK",
]

_KINDS: Final = {
    "accuracy": "accuracy.Accuracy",
    "confusion_matrix": "confusion.ConfusionMatrix",
    "exact_labels": "best_path.ExactLabels",
    "f1": "confusion.F1",
    "label_error_rate": "best_path.LabelErrorRate",
    "mae": "regression.MeanAbsoluteError",
    "perplexity": "perplexity.Perplexity",
    "precision": "confusion.Precision",
    "r2": "regression.R2",
    "recall": "confusion.Recall",
    "rmse": "regression.RootMeanSquaredError",
    "top_k": "accuracy.TopK",
}

if not TYPE_CHECKING:
    __getattr__ = lazy_kinds(__name__, _KINDS, Metric.registry)
