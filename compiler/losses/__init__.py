"""The loss family. Importing this package registers all kinds."""

from .base import Loss
from .binary import BinaryCrossEntropy, Hinge
from .categorical import CategoricalCrossEntropy, NegativeLogLikelihood
from .gaussian import GaussianNegativeLogLikelihood
from .perceptron import Perceptron
from .regression import AbsoluteError, Huber, SquaredError

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "GaussianNegativeLogLikelihood",
    "Hinge",
    "Huber",
    "Loss",
    "NegativeLogLikelihood",
    "Perceptron",
    "SquaredError",
]
