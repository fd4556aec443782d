"""The initializer family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Initializer

if TYPE_CHECKING:
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

_KINDS: Final = {
    "constant": "constant.Constant",
    "glorot_normal": "fan.GlorotNormal",
    "glorot_uniform": "fan.GlorotUniform",
    "he_normal": "fan.HeNormal",
    "he_uniform": "fan.HeUniform",
    "normal": "normal.Normal",
    "ones": "constant.Ones",
    "tied": "tied.Tied",
    "truncated_normal": "normal.TruncatedNormal",
    "uniform": "uniform.Uniform",
    "values": "values.Values",
    "zeros": "constant.Zeros",
}

if not TYPE_CHECKING:
    __getattr__ = lazy_kinds(__name__, _KINDS, Initializer.registry)
