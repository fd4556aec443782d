"""Initializers that scale with a layer's size, so that signals keep their variance from layer to layer.

`fan_in` is how many inputs a unit sums, `fan_out` how many units an input reaches; for a dense layer the numbers of
rows and columns of its weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .. import random
from ..ir import Value
from .base import Initializer


@Initializer.registry.register("glorot_uniform")
@dataclass(frozen=True, kw_only=True)
class GlorotUniform(Initializer):
    """Uniform in ±√6 / √(fan_in + fan_out), also called Xavier. Suits tanh, sigmoid and softmax.

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        limit = math.sqrt(6 / (fan_in + fan_out))
        return random.uniform(key, shape, -limit, limit)


@Initializer.registry.register("glorot_normal")
@dataclass(frozen=True, kw_only=True)
class GlorotNormal(Initializer):
    """Normal with mean 0 and standard deviation √(2 / (fan_in + fan_out)). Glorot and Bengio, AISTATS 2010."""

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        return random.normal(key, shape, 0.0, math.sqrt(2 / (fan_in + fan_out)))


@Initializer.registry.register("he_uniform")
@dataclass(frozen=True, kw_only=True)
class HeUniform(Initializer):
    """Uniform in ±√(6 / fan_in), also called Kaiming. Suits relu. He et al., ICCV 2015."""

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del fan_out
        limit = math.sqrt(6 / fan_in)
        return random.uniform(key, shape, -limit, limit)


@Initializer.registry.register("he_normal")
@dataclass(frozen=True, kw_only=True)
class HeNormal(Initializer):
    """Normal with mean 0 and standard deviation √(2 / fan_in). Suits relu.

    He et al., Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet, ICCV 2015.
    """

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del fan_out
        return random.normal(key, shape, 0.0, math.sqrt(2 / fan_in))
