"""How wide text is drawn, near enough to size a box, without fonts: the widths of DejaVu Sans, rounded up.

Layouts are then the same on every machine, whatever fonts it has; DejaVu is the widest of the usual ones, so text that
fits in it fits in the others.
"""

from __future__ import annotations

_NARROW = "ijlI.,'·"
_SLIM = "frt!:;|()[]/\\ -"
_WIDE = "mwMW@%—…×→+=<>#~^&"
BOLD = 1.13
"""How much wider bold text is."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Width in pixels at a font size of `size` pixels."""
    return size * sum(map(_advance, text)) * (BOLD if bold else 1.0)


def fit(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """The text, cut with `…` where it is wider than `room` pixels."""
    text = printable(text)
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(text + "…", size, bold=bold) > room:
        text = text[:-1]
    return text + "…"


def printable(text: str) -> str:
    """The text with a mark in place of characters that XML forbids or no font shows."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _advance(character: str) -> float:
    """Width relative to the font size."""
    if character in _NARROW:
        return 0.32
    if character in _SLIM:
        return 0.41
    if character in _WIDE:
        return 0.98
    if ord(character) >= 0x1100:  # Hangul, CJK, emoji
        return 1.05
    return 0.77 if character.isupper() else 0.64
