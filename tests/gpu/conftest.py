"""What only a GPU can show. Where CUDA does not work every test of this folder is skipped, with what is missing."""

from __future__ import annotations

import pytest
from netwright.runtime.device import cuda_obstacle


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is nothing to run them on."""
    ours = [item for item in items if "tests/gpu/" in item.path.as_posix()]
    obstacle = cuda_obstacle() if ours else None
    if obstacle is not None:
        for item in ours:
            item.add_marker(pytest.mark.skip(reason=f"CUDA cannot be used: {obstacle.reason}"))
