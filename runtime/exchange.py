"""Tensors of other libraries, taken by DLPack, so that PyTorch and CuPy need no copy through NumPy."""

from __future__ import annotations

from typing import Any, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from .errors import UserError
from .ort import first_line, onnx_runtime

HOST: Final = 1
"""DLPack's number for memory of the CPU."""


def speaks_dlpack(value: object) -> TypeGuard[Any]:
    """Whether a value is a tensor of another library. NumPy's own arrays are taken as they always are."""
    return hasattr(value, "__dlpack__") and not isinstance(value, (np.ndarray, np.generic))


def shared_value(tensor: Any) -> Any:
    """An OrtValue over the memory of a tensor, wherever that is. It keeps the memory alive.

    Raises:
        UserError: the tensor is not contiguous, of a dtype that ONNX Runtime does not take by DLPack (bool), or keeps
            its memory to itself, as one does that requires a gradient.
    """
    try:
        return onnx_runtime().OrtValue.from_dlpack(tensor)
    except Exception as error:  # each library refuses with exceptions of its own
        words = first_line(error).rpartition(" was false. ")[2]
        raise UserError(f"a {type(tensor).__name__} cannot be taken by DLPack: {words}") from error


def host_array(value: Any) -> NDArray[Any]:
    """Any array-like as a NumPy array: a tensor on the host as a view of it, one on a GPU copied.

    Raises:
        UserError: a tensor cannot be taken.
    """
    if not speaks_dlpack(value):
        return np.asarray(value)
    if value.__dlpack_device__()[0] != HOST:
        copied: NDArray[Any] = shared_value(value).numpy()
        return copied
    try:
        return np.from_dlpack(value)
    except Exception as error:  # each library refuses with exceptions of its own
        raise UserError(f"a {type(value).__name__} cannot be taken by DLPack: {first_line(error)}") from error
