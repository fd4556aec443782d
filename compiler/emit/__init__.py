"""The border with ONNX files: the one place of the compiler that imports `onnx`.

`emit` writes the IR's graphs as models; `read_model` reads models of other makers as plain data.
"""

from .reader import read_model
from .writer import CONTRIB, IR_VERSION, emit

__all__ = ["CONTRIB", "IR_VERSION", "emit", "read_model"]
