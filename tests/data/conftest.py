"""Helpers of the data tests."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.errors import RuntimeProblem, UserError

Refuses = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def refuses() -> Refuses:
    """`with refuses(message, hint):` the block raises exactly this error (a UserError unless said otherwise)."""

    @contextmanager
    def check(message: str, hint: str | None = None, kind: type[RuntimeProblem] = UserError) -> Any:
        with pytest.raises(kind) as caught:
            yield
        assert (caught.value.message, caught.value.hint) == (message, hint)

    return check


@pytest.fixture
def write_idx() -> Callable[..., Path]:
    """Write an array of bytes as an IDX file."""

    def write(path: Path, array: np.ndarray, *, compress: bool = False, code: int = 8) -> Path:
        content = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        content += array.astype(array.dtype.newbyteorder(">")).tobytes()
        path.write_bytes(gzip.compress(content) if compress else content)
        return path

    return write
