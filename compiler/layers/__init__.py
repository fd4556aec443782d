"""The layer family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Activation, Layer, LayerContext

if TYPE_CHECKING:
    from . import activations
    from .bag_of_words import BagOfWords
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

_ACTIVATIONS: Final = {
    "identity": "activations.Identity",
    "linear": "activations.Linear",
    "relu": "activations.Relu",
    "leaky_relu": "activations.LeakyRelu",
    "elu": "activations.Elu",
    "selu": "activations.Selu",
    "gelu": "activations.Gelu",
    "silu": "activations.Silu",
    "softplus": "activations.Softplus",
    "softsign": "activations.Softsign",
    "sigmoid": "activations.Sigmoid",
    "hard_sigmoid": "activations.HardSigmoid",
    "tanh": "activations.Tanh",
    "softmax": "activations.Softmax",
    "log_softmax": "activations.LogSoftmax",
    "exponential": "activations.Exponential",
    "step": "activations.Step",
}

_KINDS: Final = {
    **_ACTIVATIONS,
    "add": "merge.Add",
    "bag_of_words": "bag_of_words.BagOfWords",
    "cast": "preprocessing.Cast",
    "concat": "merge.Concat",
    "constant": "sources.Constant",
    "dense": "dense.Dense",
    "dropout": "dropout.Dropout",
    "embedding": "embedding.Embedding",
    "expression": "expression.Expression",
    "flatten": "flatten.Flatten",
    "layer_norm": "layer_norm.LayerNorm",
    "min_max": "preprocessing.MinMax",
    "multiply": "merge.Multiply",
    "normalize": "preprocessing.Normalize",
    "one_hot": "preprocessing.OneHot",
    "parameter": "sources.Parameter",
    "rescale": "preprocessing.Rescale",
    "reshape": "reshape.Reshape",
    "resize": "resize.Resize",
    "shared": "shared.Shared",
}

if not TYPE_CHECKING:
    lazy_kinds(__name__, _ACTIVATIONS, Activation.registry)
    __getattr__ = lazy_kinds(__name__, _KINDS, Layer.registry)
