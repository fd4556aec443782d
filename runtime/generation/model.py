"""What a network is to generation: tokens in, log-probabilities of the next one out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .logits import Scores

Tokens = npt.NDArray[np.int64]
"""Ids of tokens, (rows, steps)."""


class NextToken(Protocol):
    """A network in the middle of texts, one for each row. What it read stays with it, as states or as the text."""

    @property
    def vocabulary(self) -> int:
        """How many tokens there are to choose from."""

    @property
    def context(self) -> int | None:
        """How many tokens it can read of one text; None where there is no end to it."""

    def start(self, rows: int) -> None:
        """Begin so many new texts."""

    def feed(self, tokens: Tokens) -> Scores:
        """Read the next tokens of every text, (rows, steps ≥ 1); what follows them, (rows, vocabulary)."""

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        """Go on with the texts of these rows, in this order; a row may be there several times, or not at all."""
