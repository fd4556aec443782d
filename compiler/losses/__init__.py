"""The loss family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Loss, SequenceLoss

if TYPE_CHECKING:
    from .alignment import ConnectionistTemporalClassification
    from .binary import BinaryCrossEntropy, Hinge
    from .categorical import CategoricalCrossEntropy, NegativeLogLikelihood
    from .gaussian import GaussianNegativeLogLikelihood
    from .perceptron import Perceptron
    from .regression import AbsoluteError, Huber, SquaredError

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "ConnectionistTemporalClassification",
    "GaussianNegativeLogLikelihood",
    "Hinge",
    "Huber",
    "Loss",
    "NegativeLogLikelihood",
    "Perceptron",
    "SequenceLoss",
    "SquaredError",
]

_KINDS: Final = {
    "absolute_error": "regression.AbsoluteError",
    "binary_cross_entropy": "binary.BinaryCrossEntropy",
    "categorical_cross_entropy": "categorical.CategoricalCrossEntropy",
    "connectionist_temporal_classification": "alignment.ConnectionistTemporalClassification",
    "gaussian_negative_log_likelihood": "gaussian.GaussianNegativeLogLikelihood",
    "hinge": "binary.Hinge",
    "huber": "regression.Huber",
    "negative_log_likelihood": "categorical.NegativeLogLikelihood",
    "perceptron": "perceptron.Perceptron",
    "squared_error": "regression.SquaredError",
}

if not TYPE_CHECKING:
    __getattr__ = lazy_kinds(__name__, _KINDS, Loss.registry)
