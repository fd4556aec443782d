"""Put trained weights into `inference.onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .atomic import write_atomically
from .errors import UserError


def export_weights(inference: Path, values: Mapping[str, NDArray[Any]]) -> None:
    """Replace the initializers of the model that are named like entries of `values`; nothing else changes.

    A parameter that inference does not need (only the loss reads it) has no initializer there and is passed over.

    Raises:
        UserError: the file is no ONNX model, has none of the values, or has one with another shape or dtype.
        EnvironmentProblem: the file cannot be written; it stays as it was.
    """
    import onnx
    from onnx import numpy_helper

    try:
        model = onnx.load(inference)
    except Exception as error:  # OSError, or protobuf's DecodeError, which onnx does not re-export
        raise UserError(f"{inference}: not a model that can be read: {error}", "compile the spec again") from error
    found = [initializer for initializer in model.graph.initializer if initializer.name in values]
    if values and not found:
        raise UserError(f"{inference}: the model holds none of the trained weights", "compile the spec again")
    for initializer in found:
        trained = numpy_helper.from_array(values[initializer.name], initializer.name)
        if (trained.dims, trained.data_type) != (initializer.dims, initializer.data_type):
            raise UserError(
                f"{inference}: '{initializer.name}' has the shape {list(initializer.dims)}, "
                f"but {list(trained.dims)} was trained",
                "compile the spec again",
            )
        initializer.CopyFrom(trained)
    write_atomically(inference, model.SerializeToString())
