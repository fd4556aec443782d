"""What a tokenizer is for those who use one, and reading one from its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from ..errors import UserError
from .file import BEGIN, END, PAD, SPECIAL, UNKNOWN, level_of


class Tokenizer(Protocol):
    """Text to whole numbers and back. Safe to use in several threads."""

    @property
    def size(self) -> int:
        """How many tokens there are, the special ones included: numbers are 0 … size − 1."""

    @property
    def pad(self) -> int:
        """What fills a shorter text of a batch: 0."""

    @property
    def unknown(self) -> int:
        """What stands for every token that is not in the vocabulary: 1."""

    @property
    def begin(self) -> int:
        """What stands before a text, where the spec asks for it: 2."""

    @property
    def end(self) -> int:
        """What stands after a text, where the spec asks for it: 3."""

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens, without begin and end."""

    def decode(self, numbers: list[int]) -> str:
        """The text of numbers: padding, begin and end are left out, unknown tokens are `�`.

        Words come with a space between them, as what stood there before is not kept.
        Raises UserError for a number that no token has.
        """


class SpecialTokens:
    """The numbers that are the same in every tokenizer, and what is common to decoding."""

    size: int

    @property
    def pad(self) -> int:
        return PAD

    @property
    def unknown(self) -> int:
        return UNKNOWN

    @property
    def begin(self) -> int:
        return BEGIN

    @property
    def end(self) -> int:
        return END

    def _shown(self, numbers: list[int]) -> list[int]:
        """Those that stand for text. Raises UserError for one that no token has."""
        for number in numbers:
            if not 0 <= number < self.size:
                raise UserError(f"{number} is not a token: the tokenizer has 0 to {self.size - 1}")
        return [number for number in numbers if number not in (PAD, BEGIN, END)]


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a file of a bundle.

    Raises:
        UserError: there is no such file, or it is not what netwright writes.
        EnvironmentProblem: it is of byte pairs, and the library for them is not installed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}", "compile the spec again") from None
    return tokenizer_of(content, str(path))


def tokenizer_of(content: bytes, where: str) -> Tokenizer:
    """The same for the contents of such a file; `where` starts a message."""
    try:
        tree = json.loads(content)
        model = tree["model"]
        vocabulary = model["vocab"]
        known = tuple(sorted(vocabulary, key=vocabulary.get)[: len(SPECIAL)]) == SPECIAL
        whole = known and sorted(vocabulary.values()) == list(range(len(vocabulary)))
        pairs = model["type"] == "BPE"
        level = "bpe" if pairs else level_of(tree)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        whole = False
    if not whole:
        raise UserError(f"{where}: is not a tokenizer of netwright", "compile the spec again")
    if pairs:
        from .bpe import BytePairs

        return BytePairs(content, len(vocabulary))
    from .vocabulary import VocabularyTokenizer

    return VocabularyTokenizer(level, vocabulary, lower=tree["normalizer"] is not None)
