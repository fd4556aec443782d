"""`text_folder`: text files in folders named after their class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import Dataset, DataSource


@DataSource.registry.register("text_folder")
@dataclass(frozen=True, kw_only=True)
class TextFolder(DataSource):
    """Text files in a folder for each class: `mail/ham/1.txt`, `mail/spam/7.txt`.

    The folder may hold `train`, `validation` and `test` with the class folders inside. Columns: `text` and `label`
    (int64). A byte-order mark is skipped, line ends become those of Unix.
    """

    example: ClassVar[str] = "text_folder: {path: mail, encoding: latin-1}"
    shorthand: ClassVar[str | None] = "path"

    path: str = spec_field("The folder, relative to the spec's.")
    encoding: str = spec_field("How the files are stored: utf-8, latin-1, cp1252, utf-16 …", default="utf-8")
    classes: tuple[str, ...] | None = spec_field(
        "Class folders in the order of their labels (default: sorted by name).", default=None, min_items=1
    )

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns
        from ..folders import labelled_files
        from ..text import read_text, text_array

        files, classes = labelled_files(base / self.path, (".txt",), self.classes, "text files")
        parts = {
            part: ArrayColumns(
                {
                    "text": text_array(read_text(path, self.encoding) for path in each.paths),
                    "label": np.array(each.labels, np.int64),
                }
            )
            for part, each in files.items()
        }
        return Dataset.of(parts, categories={"label": classes})

    def fitted(self, categories: Mapping[str, tuple[str, ...]], means: Mapping[str, float]) -> DataSource:
        return dataclasses.replace(self, classes=categories["label"])
