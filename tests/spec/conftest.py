"""The small families as a fixture. They live in a module of its own name, because their type hints resolve late."""

from __future__ import annotations

import pytest
from netwright.compiler.spec import Families
from support.small_families import FAMILIES


@pytest.fixture(scope="session")
def families() -> Families:
    return FAMILIES
