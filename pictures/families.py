"""Which layers share a colour. A kind that nobody listed gets one by what it does, so a new layer needs no entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colors:
    """Fill and line of a box on a light page and on a dark one."""

    fill: str
    line: str
    dark_fill: str
    dark_line: str


PALETTE = {
    "dense": Colors("#e3edfb", "#4a7fc9", "#1c2f4a", "#6f9fe0"),
    "convolution": Colors("#e9e6fb", "#7464c8", "#2b2650", "#9b8df0"),
    "recurrent": Colors("#dcf2f0", "#2f938b", "#123a37", "#56b9b0"),
    "attention": Colors("#f8e4f1", "#b9569a", "#43203a", "#dd86c1"),
    "embedding": Colors("#dff2f9", "#3a8fb0", "#14384a", "#66b5d6"),
    "activation": Colors("#fdeedb", "#cc8330", "#46300f", "#e3a35c"),
    "normalization": Colors("#f9f4d3", "#a39227", "#3b3610", "#cbbb57"),
    "pooling": Colors("#fbe6e4", "#c4635b", "#4a2320", "#e58f88"),
    "merge": Colors("#e2f3e2", "#4c9a52", "#1b3a1e", "#79c07e"),
    "random": Colors("#eeedf1", "#8a8699", "#2f2d38", "#a5a1b5"),
    "shape": Colors("#f0f1f3", "#858d98", "#2a2e35", "#9aa3af"),
    "block": Colors("#ffffff", "#6b7480", "#22262c", "#8d96a3"),
}
"""Family -> colours. Text on every fill has a contrast of at least 4.5 (WCAG AA); a test measures it."""

_BY_WORD = {
    "conv": "convolution",
    "attention": "attention",
    "embedding": "embedding",
    "norm": "normalization",
    "pool": "pooling",
    "dropout": "random",
    "noise": "random",
    "rnn": "recurrent",
    "lstm": "recurrent",
    "gru": "recurrent",
    "recurren": "recurrent",
}


def family_of(kind: str, *, is_activation: bool, sources: int, parameters: int) -> str:
    """The family of a layer: by a word in its kind, else by what it does."""
    for word, family in _BY_WORD.items():
        if word in kind:
            return family
    if is_activation:
        return "activation"
    if sources > 1:
        return "merge"
    return "dense" if parameters else "shape"
