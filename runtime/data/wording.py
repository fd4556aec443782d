"""Phrases that error messages share."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def listing(names: Sequence[str]) -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b' and 'c'`."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def alternatives(wrong: str, known: Sequence[str]) -> str | None:
    """A hint that suggests the nearest known name, or lists them all; None when there are none."""
    if not known:
        return None
    near = difflib.get_close_matches(wrong, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there is {listing(known)}"


def shape_text(shape: Sequence[int | str]) -> str:
    """A shape as a spec writes it: `[8, 8]`."""
    return f"[{', '.join(str(size) for size in shape)}]"


def count_text(number: int, noun: str) -> str:
    """`1 row`, `1,797 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
