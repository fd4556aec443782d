"""Fields that optimizers share."""

from __future__ import annotations

from typing import Any, Final

from netwright.schema import spec_field

LEARNING_RATE: Final = "A number, or a schedule such as `cosine: 0.1`."


def epsilon_field(default: float) -> Any:
    return spec_field("Added to the divisor, so that it is never 0.", default=default, exclusive_minimum=0)


def decay_field(doc: str, default: float) -> Any:
    """The weight of the past in an exponential average."""
    return spec_field(doc, default=default, minimum=0, exclusive_maximum=1)
