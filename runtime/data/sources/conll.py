"""`conll`: tagged sentences in columns, a word a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import Dataset, DataSource
from ..wording import count_text

_COLUMN = {"type": "integer", "minimum": 1}


@DataSource.registry.register("conll")
@dataclass(frozen=True, kw_only=True)
class Conll(DataSource):
    """Tagged sentences, a word a line: the word and its tags in columns between spaces or tabs, an empty line after
    each sentence.

    A row is a sentence, and each of `columns` a text: what the column holds, with a space between the words; it wants
    a tokenizer of the level `space`. Lines that begin with `#` are comments, as in CoNLL-U, unless `comments: false`.
    Paths are relative to the spec's folder.

    Tjong Kim Sang and De Meulder, Introduction to the CoNLL-2003 Shared Task, 2003.
    """

    example: ClassVar[str] = "conll: {path: train.conll, test: test.conll, columns: {text: 1, tags: 4}}"
    shorthand: ClassVar[str | None] = "path"
    path: str = spec_field("The file with the training sentences, or all when `split` divides them.")
    validation: str | None = spec_field("A file with sentences for validation.", default=None)
    test: str | None = spec_field("A file with sentences for testing.", default=None)
    columns: Mapping[str, int] = spec_field(
        "Name -> which column of the file, from 1 on.",
        default_factory=lambda: {"text": 1, "tags": 2},
        schema={"type": "object", "minProperties": 1, "additionalProperties": _COLUMN},
    )
    comments: bool = spec_field("Leave out lines that begin with `#`.", default=True)
    encoding: str = spec_field("How the files are stored: utf-8, latin-1, cp1252, utf-16 …", default="utf-8")

    def load(self, base: Path) -> Dataset:
        from ..columns import ArrayColumns
        from ..text import text_array

        named = {"train": self.path, "validation": self.validation, "test": self.test}
        parts = {}
        for part, file in named.items():
            if file is not None:
                rows = self._sentences(base / file)
                texts = {name: text_array(row[name] for row in rows) for name in self.columns}
                parts[part] = ArrayColumns(texts, str(base / file))
        return Dataset.of(parts)

    def _sentences(self, path: Path) -> list[dict[str, str]]:
        from ..text import read_text

        sentences: list[list[list[str]]] = [[]]
        for number, line in enumerate(read_text(path, self.encoding).split("\n"), start=1):
            cells = line.split()
            if not cells:
                sentences.append([])
            elif not (self.comments and line.startswith("#")):
                missing = [name for name, column in self.columns.items() if column > len(cells)]
                if missing:
                    raise UserError(
                        f"{path}, line {number}: has {count_text(len(cells), 'column')},"
                        f" but '{missing[0]}' is column {self.columns[missing[0]]}",
                        "an empty line ends a sentence; say with `columns` where words and tags are",
                    )
                sentences[-1].append(cells)
        rows = [
            {name: " ".join(cells[column - 1] for cells in sentence) for name, column in self.columns.items()}
            for sentence in sentences
            if sentence
        ]
        if not rows:
            raise UserError(f"{path}: has no sentences")
        return rows
