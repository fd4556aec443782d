"""`japanese_vowels`: the named data set, fetched once into the cache folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError
from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

if TYPE_CHECKING:
    from ..columns import ArrayColumns

_SPEAKERS, _LONGEST, _COEFFICIENTS = 9, 29, 12
_MEMBER = "aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts"


@DataSource.registry.register("japanese_vowels")
@dataclass(frozen=True, kw_only=True)
class JapaneseVowels(DataSource):
    """640 times two Japanese vowels, /ae/, spoken by nine men: who speaks?

    Fetch them once with `netwright fetch japanese_vowels`. Columns: `utterance` (float32, [29, 12]: 7 to 29 frames of
    twelve LPC cepstrum coefficients, zeros after the last), `length` (int64, how many frames are no zeros) and `label`
    (int64, 0 to 8: the speaker). The published partitions: 270 utterances to train on, 30 of each speaker, and 370 to
    test on.

    Data: M. Kudo, J. Toyama, M. Shimbo, Multidimensional Curve Classification Using Passing-Through Regions, Pattern
    Recognition Letters 20, 1999; UCI Machine Learning Repository, doi:10.24432/C5NS47; CC BY 4.0. In the PyPI package
    aeon.
    """

    def load(self, base: Path) -> Dataset:
        import zipfile

        from ..fetch import require

        del base
        path = require("japanese_vowels") / "japanese_vowels.whl"
        with zipfile.ZipFile(path) as archive:
            read = {part: archive.read(_MEMBER.format(part=part)).decode() for part in ("TRAIN", "TEST")}
        train, test = (_utterances(text, f"{path}: {_MEMBER.format(part=part)}") for part, text in read.items())
        return Dataset(train, test=test)

    def describe(self, base: Path) -> SourceDescription:
        """Known before the utterances are fetched: they are recorded by checksum."""
        del base
        columns = {
            "utterance": ColumnInfo("float32", (_LONGEST, _COEFFICIENTS)),
            "length": ColumnInfo("int64", (), _LONGEST + 1),
            "label": ColumnInfo("int64", (), _SPEAKERS),
        }
        return SourceDescription({"train": 270, "test": 370}, columns)


def _utterances(text: str, where: str) -> ArrayColumns:
    """The rows of a `.ts` file: the coefficients' series, commas within and colons between them, then the speaker."""
    import numpy as np

    from ..columns import ArrayColumns

    lines = [line for line in text.splitlines() if line and line[0] not in "#@"]
    utterance = np.zeros((len(lines), _LONGEST, _COEFFICIENTS), np.float32)
    length, label = np.zeros(len(lines), np.int64), np.zeros(len(lines), np.int64)
    for row, line in enumerate(lines):
        *series, speaker = line.split(":")
        try:
            frames = np.array([[float(value) for value in one.split(",")] for one in series]).T
            length[row], label[row] = len(frames), int(speaker) - 1
            fits = frames.shape == utterance[row, : len(frames)].shape
        except ValueError:  # text, or series of different lengths
            fits = False
        if not fits:
            raise UserError(
                f"{where}, row {row}: is not a series of up to {_LONGEST} frames of {_COEFFICIENTS} numbers"
            )
        utterance[row, : len(frames)] = frames
    return ArrayColumns({"utterance": utterance, "length": length, "label": label})
