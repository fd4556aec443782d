"""`bible_verses`: English and Spanish verses side by side, fetched once into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

PAIRS, BOOKS = 31_084, 66
MODULES = {"english": "engKJV2006eb", "spanish": "spaRV1909eb"}
"""Column -> the folder of its SWORD module."""


@DataSource.registry.register("bible_verses")
@dataclass(frozen=True, kw_only=True)
class BibleVerses(DataSource):
    """31,084 verses of the Bible in English (King James Version) and Spanish (Reina-Valera 1909): parallel text.

    Fetch them once with `netwright fetch bible_verses`. Columns: `english` and `spanish` (text) and `book` (int64, 0
    Genesis to 65 Revelation). In the order of the books, without partitions: use `split`, for instance with
    `stratify: book`. Verses that only one of the two has are left out, notes and editors' headings too. Some verses
    occur more than once in nearly the same words.

    Data: eBible.org, in the Debian packages sword-text-kjv and sword-text-sparv; both texts are in the public domain
    (the King James Version everywhere but in the United Kingdom), so netwright does not ship them.
    """

    example: ClassVar[str] = "bible_verses: {most_words: 20}"
    most_words: int | None = spec_field(
        "Leave out pairs of which either side has more words; all are kept unless given.", default=None, minimum=1
    )

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns
        from ..fetch import require
        from ..sword import plain_text, read_verses
        from ..text import text_array

        folder = require("bible_verses")
        english, spanish = (list(read_verses(folder / module)) for module in MODULES.values())
        rows = [
            (book, *pair)
            for (book, text), (_, other) in zip(english, spanish, strict=True)
            if all(pair := (plain_text(text), plain_text(other))) and self._short(pair)
        ]
        if not rows:
            raise UserError(f"data source 'bible_verses': no pair of verses has at most {self.most_words} words")
        books, *texts = zip(*rows, strict=True)
        columns = {name: text_array(column) for name, column in zip(MODULES, texts, strict=True)}
        return Dataset(ArrayColumns({**columns, "book": np.array(books, np.int64)}))

    def _short(self, pair: tuple[str, str]) -> bool:
        return self.most_words is None or all(len(text.split()) <= self.most_words for text in pair)

    def describe(self, base: Path) -> SourceDescription:
        """Without `most_words` known before the verses are fetched or read: they are recorded by checksum."""
        if self.most_words is not None:
            return super().describe(base)
        import numpy as np

        text = ColumnInfo(np.dtypes.StringDType().name, ())
        columns = {**dict.fromkeys(MODULES, text), "book": ColumnInfo("int64", (), BOOKS)}
        return SourceDescription({"train": PAIRS}, columns)
