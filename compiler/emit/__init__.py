"""The border with ONNX files: the one place of the compiler that imports `onnx`.

`emit` writes the IR's graphs as models, `file_parts` as the files of models with weights; `read_model` reads models of
other makers as plain data.
"""

from .file import file_parts
from .reader import read_model
from .writer import CONTRIB, IR_VERSION, emit

__all__ = ["CONTRIB", "IR_VERSION", "emit", "file_parts", "read_model"]
