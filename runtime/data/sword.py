"""Texts of the SWORD Project: modules in its format zText, whose verses are compressed book by book.

For each testament, `ot` and `nt`, there are three files: `.bzs` says where each block lies in `.bzz` (a zlib stream
each), `.bzv` which part of which block each verse is. Verses stand at the places that the module's versification gives
them, between empty ones and headings; so modules of one versification are parallel. (SWORD, `zverse.cpp`.)
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TESTAMENTS = {"ot": 39, "nt": 27}
"""The two, with the number of books each has in the versification KJV."""

_BLOCK = np.dtype([("start", "<u4"), ("size", "<u4"), ("inflated", "<u4")])
_VERSE = np.dtype([("block", "<u4"), ("start", "<u4"), ("size", "<u2")])
_LEFT_OUT = re.compile(r'<note\b.*?</note>|<title\b(?![^>]*\bcanonical="true").*?</title>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_MARKS = re.compile(r"¶|\\\w+")
"""Signs of a paragraph, and markup of the format before OSIS that was left over."""


def read_verses(folder: Path) -> Iterator[tuple[int, str]]:
    """The book, from 0 on, and the marked-up text at each place of a module whose blocks are books; '' for none.

    The files are taken to be whole: `netwright fetch` recorded their SHA-256.
    """
    before = 0
    for testament, books in TESTAMENTS.items():
        blocks = np.fromfile(folder / f"{testament}.bzs", _BLOCK)
        verses = np.fromfile(folder / f"{testament}.bzv", _VERSE)
        data = (folder / f"{testament}.bzz").read_bytes()
        texts = [zlib.decompress(data[start : start + size]) for start, size, _ in blocks.tolist()]
        for block, start, size in verses.tolist():
            book = before + max(block - 1, 0)  # block 0 is the testament's title
            yield book, texts[block][start : start + size].decode()
        before += books


def plain_text(osis: str) -> str:
    """A verse without its OSIS markup, with single spaces: notes and the editors' headings are left out, and the titles
    of psalms, which are text, stay."""
    return " ".join(_MARKS.sub(" ", _TAG.sub("", _LEFT_OUT.sub("", osis))).split())
