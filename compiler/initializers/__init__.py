"""The initializer family. Importing this package registers all kinds."""

from .base import Initializer
from .constant import Constant, Ones, Zeros
from .fan import GlorotNormal, GlorotUniform, HeNormal, HeUniform
from .normal import Normal, TruncatedNormal
from .tied import Tied
from .uniform import Uniform
from .values import Values

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "Normal",
    "Ones",
    "Tied",
    "TruncatedNormal",
    "Uniform",
    "Values",
    "Zeros",
]
