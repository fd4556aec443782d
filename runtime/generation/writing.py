"""How the texts of a network are written in tokens."""

from __future__ import annotations

from dataclasses import dataclass

from ..bundle import Bundle
from ..manifest import Field
from ..tokenizers import Tokenizer


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


def writing_of(bundle: Bundle, tokens: Field) -> Writing | None:
    """How the bundle writes the texts of a feature; None where the data have numbers, not texts.

    Raises:
        UserError: the tokenizer's file cannot be read.
        EnvironmentProblem: the tokenizer needs a library that is not installed.
    """
    if tokens.tokens is None:
        return None
    windows = (bundle.manifest.data or {}).get("windows")  # of a stream, in which texts end only where the data say so
    learned = not windows and any(field.next_of == tokens.name for field in bundle.manifest.targets)
    return Writing(bundle.tokenizer(tokens.name), tokens.tokens.begin, tokens.tokens.end or learned)
