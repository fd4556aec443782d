"""Texts that a change must not alter by accident.

To accept a change, run `NETWRIGHT_UPDATE_GOLDEN=1 pytest tests/golden`, then read the difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

UPDATE = "NETWRIGHT_UPDATE_GOLDEN"
Golden = Callable[[str, str], None]


@pytest.fixture
def golden() -> Golden:
    """`golden(name, text)`: the text is that of the file `name` in this folder."""

    def check(name: str, text: str) -> None:
        file = Path(__file__).parent / name
        if os.environ.get(UPDATE):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), (
            f"{name} is not what the compiler prints any more; if that is meant: {UPDATE}=1 pytest tests/golden"
        )

    return check
