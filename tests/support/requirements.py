"""Tools that some tests need beside Python: without one a developer's machine skips them, CI fails them."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, command: str) -> NoReturn:
    """Skip the calling test because `what` is missing; in CI fail it. Either way say which command installs it."""
    message = f"{what} is missing; install it with: {command}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
