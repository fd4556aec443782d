"""The optimizer family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Optimizer, ProximalOptimizer

if TYPE_CHECKING:
    from .adadelta import Adadelta
    from .adagrad import Adagrad
    from .adam import Adam, AdamW
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

_KINDS: Final = {
    "adadelta": "adadelta.Adadelta",
    "adagrad": "adagrad.Adagrad",
    "adam": "adam.Adam",
    "adamw": "adam.AdamW",
    "momentum": "sgd.Momentum",
    "nesterov": "sgd.Nesterov",
    "proximal_gradient": "proximal_gradient.ProximalGradient",
    "rmsprop": "rmsprop.RMSProp",
    "sgd": "sgd.SGD",
}

if not TYPE_CHECKING:
    __getattr__ = lazy_kinds(__name__, _KINDS, Optimizer.registry)
