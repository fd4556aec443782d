"""The optimizer family. Importing this package registers all kinds."""

from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .base import Optimizer, ProximalOptimizer
from .proximal_gradient import ProximalGradient
from .rmsprop import RMSProp
from .sgd import SGD, Momentum, Nesterov

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "ProximalGradient",
    "ProximalOptimizer",
    "RMSProp",
]
