"""From training texts to the file of a tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..errors import UserError
from .file import SPECIAL, vocabulary_file

DEFAULT_BYTE_PAIRS = 4096


def fit_tokenizer(
    texts: Iterable[str], level: str, *, size: int | None = None, minimum_count: int = 1, lower: bool = False
) -> bytes:
    """The file (see `file`) of a tokenizer for these texts: a pure function of them.

    level: `char`, `word`, `space` or `bpe`.
    size: the most tokens there may be, the four special ones included (and, of `bpe`, 256 for the single bytes); by
        default all that occur, of `bpe` 4096.
    minimum_count: rarer tokens are unknown.

    The most frequent tokens come first; those that occur equally often are in the order of their code points.
    Raises UserError when the texts have no tokens, EnvironmentProblem when `bpe` lacks its library.
    """
    from .vocabulary import pieces

    if level == "bpe":
        from .bpe import fit_byte_pairs

        return fit_byte_pairs(texts, size or DEFAULT_BYTE_PAIRS, minimum_count, lower)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pieces(text, level, lower))
    kept = sorted((-count, token) for token, count in counts.items() if count >= minimum_count and token not in SPECIAL)
    if not kept:
        rare = f" that occurs {minimum_count} times" if counts else ""
        raise UserError(f"the training texts have no token{rare}, so there is nothing to fit a tokenizer to")
    most = None if size is None else max(size - len(SPECIAL), 1)
    return vocabulary_file(level, [token for _, token in kept[:most]], lower)
