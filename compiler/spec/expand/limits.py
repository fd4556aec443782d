"""How much a short spec may stand for."""

from __future__ import annotations

from typing import Final

MAX_LAYERS: Final = 10_000
"""Layers, uses of blocks and composites, each repetition counted."""
MAX_NESTING: Final = 32
"""Composites and blocks inside each other, after expansion."""
