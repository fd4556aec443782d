"""Foreign ONNX models as IR. `compiler.emit` reads their files; the layer `onnx` asks for them."""

from .build import build_foreign, needed_inputs, parameter_names, unsupported, weights
from .model import OPSETS, ForeignInput, ForeignModel, ForeignNode

__all__ = [
    "OPSETS",
    "ForeignInput",
    "ForeignModel",
    "ForeignNode",
    "build_foreign",
    "needed_inputs",
    "parameter_names",
    "unsupported",
    "weights",
]
