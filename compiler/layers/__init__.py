"""The layer family. Importing this package registers all kinds."""

from . import activations
from .base import Activation, Layer, LayerContext
from .dense import Dense
from .dropout import Dropout
from .flatten import Flatten
from .layer_norm import LayerNorm
from .merge import Add, Concat, Multiply
from .reshape import Reshape

__all__ = [
    "Activation",
    "Add",
    "Concat",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LayerContext",
    "LayerNorm",
    "Multiply",
    "Reshape",
    "activations",
]
