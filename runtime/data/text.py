"""Texts: read from files, cut into words, counted.

A text column is an array of `numpy.dtypes.StringDType`: variable width, no Python objects.

A *word* is a run of letters and digits, apostrophes inside it included (`don't`), in lower case; every other character
separates. So `"Don't PANIC, it's 42!"` has the words `don't`, `panic`, `it's`, `42`. Underscores separate.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .columns import Array
from .files import open_bytes

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text, as the module says, in order; a typographic apostrophe counts as a plain one."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def vocabulary(texts: Iterable[str], size: int, minimum_count: int = 1) -> tuple[str, ...]:
    """The `size` most frequent words that occur at least `minimum_count` times, the most frequent first.

    Words that occur equally often are in order of their code points, so the result is one function of the texts.
    Raises UserError when no word is left.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    kept = [(-count, word) for word, count in counts.items() if count >= minimum_count]
    if not kept:
        raise UserError("the texts have no words to make a vocabulary of")
    return tuple(word for _, word in sorted(kept)[:size])


def bag_of_words(texts: Iterable[str], vocabulary: Sequence[str], binary: bool = False) -> npt.NDArray[np.float32]:
    """How often each word of the vocabulary occurs in each text, float32 [texts, words]; `binary`: 1 where it does."""
    place = {word: index for index, word in enumerate(vocabulary)}
    rows = []
    for text in texts:
        found = [place[word] for word in words(text) if word in place]
        rows.append(np.bincount(np.array(found, np.int64), minlength=len(place)).astype(np.float32))
    counts = np.array(rows, dtype=np.float32).reshape(len(rows), len(place))
    return np.minimum(counts, 1, dtype=np.float32) if binary else counts


def hashed_words(texts: Iterable[str], size: int) -> npt.NDArray[np.uint8]:
    """Which words each text has, uint8 [texts, size]: 1 at the CRC-32 of each word's UTF-8 bytes, modulo `size`.

    It needs no vocabulary, so nothing of the test data is looked at beforehand; words that share a place are one word
    to the network. Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009.
    """
    place: dict[str, int] = {}
    rows = []
    for text in texts:
        row = np.zeros(size, np.uint8)
        for word in set(words(text)):
            if word not in place:
                place[word] = zlib.crc32(word.encode()) % size
            row[place[word]] = 1
        rows.append(row)
    return np.stack(rows)


def text_array(texts: Iterable[str]) -> Array:
    """Texts as a column."""
    return np.array(list(texts), dtype=np.dtypes.StringDType())


def read_text(path: Path, encoding: str) -> str:
    """A text file, without a byte-order mark, its line ends as `\\n`.

    Raises UserError, with the place of the first wrong byte, when it is not in that encoding.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise UserError(
            f"{path}: there is no encoding '{encoding}'", "there is utf-8, latin-1, cp1252, utf-16 …"
        ) from None
    with open_bytes(path) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig" if name == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: is not {encoding}: byte 0x{content[error.start]:02x}",
            "say how it is encoded, for example `encoding: latin-1`",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
