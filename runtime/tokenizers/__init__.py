"""Tokenizers: text to whole numbers and back, by a file that travels in the bundle.

tokenizer = load_bundle("runs/shakespeare/bundle").tokenizer("text")   # that of the feature `text`
tokenizer.decode(tokenizer.encode("ROMEO:"))                           # "ROMEO:"

tokenizer   the protocol, and reading a file
vocabulary  characters and words: a table, no library
bpe         byte pairs, by the library `tokenizers` (the extra `text`)
fitting     from training texts to the file
file        what is in the file
"""

from __future__ import annotations

from .tokenizer import Tokenizer, read_tokenizer

__all__ = ["Tokenizer", "read_tokenizer"]
