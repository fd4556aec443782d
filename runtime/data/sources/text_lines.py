"""`text_lines`: files with one text a line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import Dataset, DataSource
from ..wording import alternatives, count_text

Line = tuple[int, str]
"""Its number, from 1 on, and its content."""


@DataSource.registry.register("text_lines")
@dataclass(frozen=True, kw_only=True)
class TextLines(DataSource):
    """A text on each line of a file, with its label before it (`label_end` says what ends the label) or in a file of
    its own (`labels`, one a line), or without.

    Columns: `text`, and `label` (int64) where there are labels. Empty lines are left out, unless labels are in a file
    of their own: then line n belongs to label n. A byte-order mark is skipped. Paths are relative to the spec's folder.
    """

    example: ClassVar[str] = 'text_lines: {path: reviews.tsv, label_end: "\\t"}'
    shorthand: ClassVar[str | None] = "path"

    path: str = spec_field("The file with the training texts, or all texts when `split` divides them.")
    labels: str | None = spec_field("A file with the label of each line.", default=None)
    label_end: str | None = spec_field('What ends the label that begins each line, such as `"\\t"`.', default=None)
    test: str | None = spec_field("A file with test texts of its own.", default=None)
    test_labels: str | None = spec_field("A file with their labels.", default=None)
    encoding: str = spec_field("How the files are stored: utf-8, latin-1, cp1252, utf-16 …", default="utf-8")
    classes: tuple[str, ...] | None = spec_field(
        "The labels in the order of their codes (default: those of the training file, sorted).",
        default=None,
        min_items=1,
    )

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns
        from ..text import text_array

        self._check()
        files = {"train": (self.path, self.labels), "test": (self.test, self.test_labels)}
        read = {part: self._read(base, text, labels) for part, (text, labels) in files.items() if text is not None}
        labelled = self.labels is not None or self.label_end is not None
        classes = self.classes or tuple(sorted({label for _, label in read["train"][1]}))
        parts = {}
        for part, (texts, labels) in read.items():
            arrays = {"text": text_array(texts)}
            if labelled:
                file = base / str((files[part][1] if self.labels else None) or files[part][0])
                arrays["label"] = np.array([_code(label, classes, file) for label in labels], np.int64)
            parts[part] = ArrayColumns(arrays, str(base / str(files[part][0])))
        return Dataset.of(parts, categories={"label": classes} if labelled else {})

    def fitted(self, categories: Mapping[str, tuple[str, ...]], means: Mapping[str, float]) -> DataSource:
        return dataclasses.replace(self, classes=categories["label"]) if categories else self

    def _check(self) -> None:
        if self.labels is not None and self.label_end is not None:
            raise UserError(
                "data source 'text_lines': labels come from a file or begin the lines", "give `labels` or `label_end`"
            )
        if self.label_end == "":
            raise UserError("data source 'text_lines': label_end is empty", 'such as label_end: "\\t"')
        if (self.test is not None and self.labels is not None) != (self.test_labels is not None):
            raise UserError(
                "data source 'text_lines': `labels` and `test_labels` go together with `test`", "give all three"
            )

    def _read(self, base: Path, text: str, labels: str | None) -> tuple[list[str], list[Line]]:
        lines = _lines(base / text, self.encoding)
        if labels is not None:
            found = _lines(base / labels, self.encoding)
            if len(found) != len(lines):
                raise UserError(
                    f"{base / labels}: has {count_text(len(found), 'line')},"
                    f" but {base / text} has {count_text(len(lines), 'line')}"
                )
            return [content for _, content in lines], [(number, label.strip()) for number, label in found]
        lines = [(number, content) for number, content in lines if content.strip()]
        if self.label_end is None:
            return [content for _, content in lines], []
        texts, prefixes = [], []
        for number, content in lines:
            label, end, rest = content.partition(self.label_end)
            if not end:
                raise UserError(f"{base / text}, line {number}: has no {self.label_end!r} after a label")
            texts.append(rest.strip())
            prefixes.append((number, label.strip()))
        return texts, prefixes


def _lines(path: Path, encoding: str) -> list[Line]:
    from ..text import read_text

    return list(enumerate(read_text(path, encoding).removesuffix("\n").split("\n"), start=1))


def _code(label: Line, classes: Sequence[str], file: Path) -> int:
    number, name = label
    if name not in classes:
        raise UserError(f"{file}, line {number}: {name!r} is not one of the labels", alternatives(name, classes))
    return classes.index(name)
