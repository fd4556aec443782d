"""Byte pairs: frequent pairs of bytes are joined, again and again, until there are as many tokens as wanted.

Sennrich, Haddow and Birch, Neural Machine Translation of Rare Words with Subword Units, ACL 2016; on bytes, as in
Radford et al., Language Models are Unsupervised Multitask Learners, 2019. So no text is unknown, and every text comes
back as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import EnvironmentProblem
from .file import SPECIAL
from .tokenizer import SpecialTokens


class BytePairs(SpecialTokens):
    """A tokenizer of byte pairs, run by the library. Raises EnvironmentProblem when that is not installed."""

    def __init__(self, content: bytes, size: int) -> None:
        self.size = size
        self._library = _library().Tokenizer.from_buffer(content)
        self._library.encode_special_tokens = True  # "<end>" in a text is text

    def encode(self, text: str) -> list[int]:
        numbers: list[int] = self._library.encode(text, add_special_tokens=False).ids
        return numbers

    def decode(self, numbers: list[int]) -> str:
        text: str = self._library.decode(self._shown(numbers), skip_special_tokens=True)
        return text


def fit_byte_pairs(texts: Iterable[str], size: int, minimum_count: int, lower: bool) -> bytes:
    """The file of a tokenizer with at most `size` tokens; a pair is joined when it occurs `minimum_count` times.

    Raises EnvironmentProblem when the library is not installed.
    """
    library = _library()
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = library.Tokenizer(models.BPE())
    if lower:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=minimum_count,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    text: str = tokenizer.to_str(pretty=True)
    return text.encode() + b"\n"


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise EnvironmentProblem(
            "tokens of the level 'bpe' need the library tokenizers, which is not installed",
            "install it with: pip install 'netwright[text]'",
        ) from None
    return tokenizers
