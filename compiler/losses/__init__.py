"""The loss family. Importing this package registers all kinds."""

from .base import Loss
from .binary import BinaryCrossEntropy, Hinge
from .categorical import CategoricalCrossEntropy, NegativeLogLikelihood
from .regression import AbsoluteError, Huber, SquaredError

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Hinge",
    "Huber",
    "Loss",
    "NegativeLogLikelihood",
    "SquaredError",
]
