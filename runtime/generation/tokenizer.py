"""How the texts of a network are written in tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Tokenizer(Protocol):
    """Text to numbers and back, as generation needs it."""

    @property
    def size(self) -> int:
        """How many tokens there are."""

    @property
    def pad(self) -> int:
        """What fills a shorter text of a batch."""

    @property
    def unknown(self) -> int:
        """What stands for every token that is not in the vocabulary."""

    @property
    def begin(self) -> int:
        """What stands before a text, where the spec asks for it."""

    @property
    def end(self) -> int:
        """What stands after a text, where the spec asks for it."""

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens, without begin and end."""

    def decode(self, numbers: list[int]) -> str:
        """The text of numbers, special tokens left out."""


@dataclass(frozen=True)
class Writing:
    """A tokenizer, and which of its special tokens the network's texts have: those it was trained on."""

    tokenizer: Tokenizer
    begins: bool
    ends: bool

    @property
    def end(self) -> int | None:
        """The token after a text, or None: then a text has no end of its own."""
        return self.tokenizer.end if self.ends else None

    @property
    def never(self) -> list[int]:
        """Tokens that are no text, so that a text does not go on with them."""
        tokenizer = self.tokenizer
        return [tokenizer.pad, tokenizer.unknown, tokenizer.begin, *([] if self.ends else [tokenizer.end])]

    def prompt(self, text: str) -> list[int]:
        """What the network reads before it goes on with a text."""
        return [*([self.tokenizer.begin] if self.begins else []), *self.tokenizer.encode(text)]
