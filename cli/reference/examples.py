"""Examples as they stand in a spec: a kind's `example` is one entry, or the sections of a spec around it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

from netwright.schema import Described

_PLACES: Final[Mapping[str, str]] = {
    "layer": "network:\n  - ENTRY",
    "composite layer": "network:\n  - ENTRY",
    "activation": "network:\n  - dense: 8\n  - ENTRY",
    "loss": "training:\n  loss: ENTRY",
    "metric": "training:\n  loss: categorical_cross_entropy\n  metrics: [ENTRY]",
    "optimizer": "training:\n  loss: squared_error\n  optimizer: ENTRY",
    "schedule": "training:\n  loss: squared_error\n  optimizer:\n    adam:\n      learning_rate: ENTRY",
    "initializer": "network:\n  - dense:\n      units: 8\n      weight_initializer: ENTRY",
    "data source": "data:\n  source: ENTRY",
    "function": "network:\n  - expression: ENTRY",
}
"""Family -> where its entries stand."""


def example_of(cls: type[Described], family: str, sections: frozenset[str]) -> str:
    """The example of a kind as sections of a spec; the bare kind where it has none of its own.

    `sections` are the names of all sections: text that begins with one needs nothing around it.
    """
    example = cls.example.strip() or cls.kind
    return example if example.split(":", 1)[0] in sections else in_place(example, family)


def in_place(entry: str, family: str) -> str:
    """An entry where entries of its family stand."""
    before, _, after = _PLACES[family].partition("ENTRY")
    if ": " in entry and "\n" not in entry and before.endswith((": ", "[")):
        entry = f"{{{entry}}}"
    line = before.rsplit("\n", 1)[-1]
    if "\n" in entry and line.endswith(": "):  # a block mapping stands below its key
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        return f"{before.rstrip()}\n{textwrap.indent(entry, indent)}{after}"
    return before + entry.replace("\n", "\n" + " " * len(line)) + after
