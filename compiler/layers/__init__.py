"""The layer family. Importing this package registers all kinds."""

from . import activations
from .axes import ExpandDims, Squeeze
from .bag_of_words import BagOfWords
from .base import Activation, Layer, LayerContext
from .batch_norm import BatchNorm
from .borders import Crop, ReflectPad, ZeroPad
from .conv import Conv, ConvTranspose, DepthwiseConv
from .dense import Dense
from .dropout import Dropout, SpatialDropout
from .embedding import Embedding
from .expression import Expression
from .flatten import Flatten
from .layer_norm import LayerNorm
from .merge import Add, Concat, Multiply
from .normalization import GroupNorm, InstanceNorm, LocalResponseNorm, RMSNorm
from .pooling import AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool
from .preprocessing import Cast, MinMax, Normalize, OneHot, Rescale
from .reshape import Reshape
from .resize import Resize
from .shared import Shared
from .sources import Constant, Parameter
from .upsampling import PixelShuffle, Upsample

__all__ = [
    "Activation",
    "Add",
    "AveragePool",
    "BagOfWords",
    "BatchNorm",
    "Cast",
    "Concat",
    "Constant",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Dense",
    "DepthwiseConv",
    "Dropout",
    "Embedding",
    "ExpandDims",
    "Expression",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "InstanceNorm",
    "Layer",
    "LayerContext",
    "LayerNorm",
    "LocalResponseNorm",
    "MaxPool",
    "MinMax",
    "Multiply",
    "Normalize",
    "OneHot",
    "Parameter",
    "PixelShuffle",
    "RMSNorm",
    "ReflectPad",
    "Rescale",
    "Reshape",
    "Resize",
    "Shared",
    "SpatialDropout",
    "Squeeze",
    "Upsample",
    "ZeroPad",
    "activations",
]
