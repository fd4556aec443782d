"""Characters and words: a table of tokens, and a rule for where one ends."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .file import PAD, SPECIAL, UNKNOWN
from .tokenizer import SpecialTokens

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
"""WORD_PATTERN in Python's notation."""


class VocabularyTokenizer(SpecialTokens):
    """Characters (code points), words (see `file.WORD_PATTERN`) or what stands between spaces, by a table.

    vocabulary: token -> number, the special ones included.
    lower: whether text is put into lower case first.
    """

    def __init__(self, level: str, vocabulary: Mapping[str, int], *, lower: bool) -> None:
        self.size = len(vocabulary)
        self._separator = "" if level == "char" else " "
        self._level = level
        self._lower = lower
        self._numbers = {token: number for token, number in vocabulary.items() if token not in SPECIAL}
        self._tokens = {number: token for token, number in vocabulary.items()} | {UNKNOWN: "�", PAD: ""}

    def encode(self, text: str) -> list[int]:
        find = self._numbers.get
        return [find(token, UNKNOWN) for token in pieces(text, self._level, self._lower)]

    def decode(self, numbers: list[int]) -> str:
        return self._separator.join(self._tokens[number] for number in self._shown(numbers))


def pieces(text: str, level: str, lower: bool) -> str | list[str]:
    """The tokens of a text at a level, in order."""
    text = text.lower() if lower else text
    if level == "char":
        return text
    return _WORD.findall(text) if level == "word" else text.split()
