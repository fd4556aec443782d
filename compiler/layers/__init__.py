"""The layer family. Importing this package registers all kinds."""

from . import activations
from .bag_of_words import BagOfWords
from .base import Activation, Layer, LayerContext
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .expression import Expression
from .flatten import Flatten
from .layer_norm import LayerNorm
from .merge import Add, Concat, Multiply
from .preprocessing import Cast, MinMax, Normalize, OneHot, Rescale
from .reshape import Reshape
from .resize import Resize
from .shared import Shared
from .sources import Constant, Parameter

__all__ = [
    "Activation",
    "Add",
    "BagOfWords",
    "Cast",
    "Concat",
    "Constant",
    "Dense",
    "Dropout",
    "Embedding",
    "Expression",
    "Flatten",
    "Layer",
    "LayerContext",
    "LayerNorm",
    "MinMax",
    "Multiply",
    "Normalize",
    "OneHot",
    "Parameter",
    "Rescale",
    "Reshape",
    "Resize",
    "Shared",
    "activations",
]
