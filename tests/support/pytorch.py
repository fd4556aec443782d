"""PyTorch, the reference of the parity tests: missing on a developer's machine skips them, in CI it fails them."""

from __future__ import annotations

import os
from types import ModuleType

import pytest


def import_torch() -> ModuleType:
    """torch, with one thread; skips the calling test module when it is not installed, unless CI is set."""
    try:
        import torch
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("PyTorch is not installed", allow_module_level=True)
    torch.set_num_threads(1)
    return torch
