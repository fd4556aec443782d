"""The metric family. Importing this package registers all kinds."""

from .accuracy import Accuracy, TopK
from .base import Metric
from .confusion import F1, ConfusionMatrix, Precision, Recall
from .regression import R2, MeanAbsoluteError, RootMeanSquaredError

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "Metric",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopK",
]
