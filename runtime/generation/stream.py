"""Text that appears while its tokens do."""

from __future__ import annotations

from ..tokenizers import Tokenizer

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What decoders put for bytes that are no character, or none yet."""


class TextStream:
    """Decodes tokens one after another; what comes out together is what decoding them all gives.

    A token may be a part of a character, or be written with a space before it unless it comes first. So the tokens
    since the last complete piece are decoded with those of the piece before, and the text waits for the rest of a
    character.
    """

    def __init__(self, tokenizer: Tokenizer, before: list[int]) -> None:
        """`before`: the ids of the text that is already there."""
        self._tokenizer = tokenizer
        self._ids = list(before)
        self._context = 0
        self._shown = len(before)

    def push(self, token: int) -> str:
        """The text that one more token brings, empty while a character is not complete."""
        self._ids.append(token)
        text = self._new()
        if text.endswith(REPLACEMENT):
            return ""
        self._context, self._shown = self._shown, len(self._ids)
        return text

    def finish(self) -> str:
        """What was held back because it is no whole character."""
        text = self._new()
        self._shown = len(self._ids)
        return text

    def _new(self) -> str:
        old = self._tokenizer.decode(self._ids[self._context : self._shown])
        return self._tokenizer.decode(self._ids[self._context :])[len(old) :]
