"""The training steps of two specs, as text: a pass that changes them shows in review."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from netwright.compiler.ir.printer import to_text
from support.bundles import library_bundle


@pytest.mark.parametrize("name", ["xor_mlp", "digits_mlp"])
def test_step(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.step.txt", to_text(library_bundle(name).graphs["step"]))
