"""The layer family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Activation, Layer, LayerContext

if TYPE_CHECKING:
    from . import activations
    from .argmax import ArgMax
    from .attention import Attention
    from .augmentation import Cutout, GaussianNoise, RandomCrop, RandomFlip, RandomRotation
    from .axes import ExpandDims, Squeeze
    from .bag_of_words import BagOfWords
    from .batch_norm import BatchNorm
    from .borders import Crop, ReflectPad, ZeroPad
    from .conv import Conv, ConvTranspose, DepthwiseConv
    from .dense import Dense
    from .dropout import Dropout, SpatialDropout
    from .embedding import Embedding
    from .expression import Expression
    from .flatten import Flatten
    from .gru import Gru
    from .layer_norm import LayerNorm
    from .lstm import Lstm
    from .merge import Add, Concat, Multiply
    from .multi_head_attention import MultiHeadAttention
    from .normalization import GroupNorm, InstanceNorm, LocalResponseNorm, RMSNorm
    from .onnx_file import Onnx
    from .pooling import AdaptiveAveragePool, AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool
    from .positional_encoding import PositionalEncoding
    from .preprocessing import Cast, MinMax, Normalize, OneHot, Rescale
    from .reshape import Reshape
    from .resize import Resize
    from .rnn import Rnn
    from .shared import Shared
    from .sources import Constant, Parameter
    from .transformer_decoder import TransformerDecoder
    from .transformer_encoder import TransformerEncoder
    from .upsampling import PixelShuffle, Upsample

__all__ = [
    "Activation",
    "AdaptiveAveragePool",
    "Add",
    "ArgMax",
    "Attention",
    "AveragePool",
    "BagOfWords",
    "BatchNorm",
    "Cast",
    "Concat",
    "Constant",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Cutout",
    "Dense",
    "DepthwiseConv",
    "Dropout",
    "Embedding",
    "ExpandDims",
    "Expression",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "Gru",
    "InstanceNorm",
    "Layer",
    "LayerContext",
    "LayerNorm",
    "LocalResponseNorm",
    "Lstm",
    "MaxPool",
    "MinMax",
    "MultiHeadAttention",
    "Multiply",
    "Normalize",
    "OneHot",
    "Onnx",
    "Parameter",
    "PixelShuffle",
    "PositionalEncoding",
    "RMSNorm",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "ReflectPad",
    "Rescale",
    "Reshape",
    "Resize",
    "Rnn",
    "Shared",
    "SpatialDropout",
    "Squeeze",
    "TransformerDecoder",
    "TransformerEncoder",
    "Upsample",
    "ZeroPad",
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
    "adaptive_average_pool": "pooling.AdaptiveAveragePool",
    "add": "merge.Add",
    "argmax": "argmax.ArgMax",
    "attention": "attention.Attention",
    "average_pool": "pooling.AveragePool",
    "bag_of_words": "bag_of_words.BagOfWords",
    "batch_norm": "batch_norm.BatchNorm",
    "cast": "preprocessing.Cast",
    "concat": "merge.Concat",
    "constant": "sources.Constant",
    "conv": "conv.Conv",
    "conv_transpose": "conv.ConvTranspose",
    "crop": "borders.Crop",
    "cutout": "augmentation.Cutout",
    "dense": "dense.Dense",
    "depthwise_conv": "conv.DepthwiseConv",
    "dropout": "dropout.Dropout",
    "embedding": "embedding.Embedding",
    "expand_dims": "axes.ExpandDims",
    "expression": "expression.Expression",
    "flatten": "flatten.Flatten",
    "gaussian_noise": "augmentation.GaussianNoise",
    "global_average_pool": "pooling.GlobalAveragePool",
    "global_max_pool": "pooling.GlobalMaxPool",
    "group_norm": "normalization.GroupNorm",
    "gru": "gru.Gru",
    "instance_norm": "normalization.InstanceNorm",
    "layer_norm": "layer_norm.LayerNorm",
    "local_response_norm": "normalization.LocalResponseNorm",
    "lstm": "lstm.Lstm",
    "max_pool": "pooling.MaxPool",
    "min_max": "preprocessing.MinMax",
    "multi_head_attention": "multi_head_attention.MultiHeadAttention",
    "multiply": "merge.Multiply",
    "normalize": "preprocessing.Normalize",
    "one_hot": "preprocessing.OneHot",
    "onnx": "onnx_file.Onnx",
    "parameter": "sources.Parameter",
    "pixel_shuffle": "upsampling.PixelShuffle",
    "positional_encoding": "positional_encoding.PositionalEncoding",
    "random_crop": "augmentation.RandomCrop",
    "random_flip": "augmentation.RandomFlip",
    "random_rotation": "augmentation.RandomRotation",
    "reflect_pad": "borders.ReflectPad",
    "rescale": "preprocessing.Rescale",
    "reshape": "reshape.Reshape",
    "resize": "resize.Resize",
    "rms_norm": "normalization.RMSNorm",
    "rnn": "rnn.Rnn",
    "shared": "shared.Shared",
    "spatial_dropout": "dropout.SpatialDropout",
    "squeeze": "axes.Squeeze",
    "transformer_decoder": "transformer_decoder.TransformerDecoder",
    "transformer_encoder": "transformer_encoder.TransformerEncoder",
    "upsample": "upsampling.Upsample",
    "zero_pad": "borders.ZeroPad",
}

if not TYPE_CHECKING:
    lazy_kinds(__name__, _ACTIVATIONS, Activation.registry)
    __getattr__ = lazy_kinds(__name__, _KINDS, Layer.registry)
