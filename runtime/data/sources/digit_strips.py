"""`digit_strips`: several digits side by side, to be read from left to right without being told where each is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from ...errors import UserError
from ..source import Dataset, DataSource

if TYPE_CHECKING:
    from ..columns import Array, ArrayColumns

_TEST_IMAGES = 360
"""Of 1,797: strips of them are the test partition, so that no image is in both."""
_SIZE = 8
_LARGEST_GAP = 4


@DataSource.registry.register("digit_strips")
@dataclass(frozen=True, kw_only=True)
class DigitStrips(DataSource):
    """Strips of the digits that ship with netwright (see `digits`), from `fewest` to `most` of them side by side, each
    after a gap of 0 to 4 columns of noise.

    Columns: `strip` (float32, [width, 8], 0 to 1), one row for each *column* of the picture, so that time goes from
    left to right; `columns` (int64), how many of them the strip has, those after it being 0; `digits` (int64, [most]),
    0 to 9, and 10 after the last digit; `digit_count` (int64). The width is 12 · `most`. It brings a test partition of
    its own, whose 360 images occur in no training strip.
    """

    example: ClassVar[str] = "digit_strips: {rows: 4000, fewest: 3, most: 5}"
    rows: int = spec_field("How many strips to make for training.", default=6000, minimum=1)
    test_rows: int = spec_field("How many to make for testing.", default=1000, minimum=1)
    fewest: int = spec_field("Digits in the shortest strip.", default=3, minimum=1)
    most: int = spec_field("Digits in the longest.", default=5, minimum=1, maximum=50)
    seed: int = spec_field("Of the random choice.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from .digits import Digits

        if self.fewest > self.most:
            raise UserError(f"data source 'digit_strips': 'fewest' is {self.fewest}, more than 'most', {self.most}")
        digits = Digits().load(base).train.take(slice(None))
        generator = np.random.Generator(np.random.PCG64(self.seed))
        order = generator.permutation(len(digits["label"]))
        parts = {"train": (order[_TEST_IMAGES:], self.rows), "test": (order[:_TEST_IMAGES], self.test_rows)}
        return Dataset.of(
            {name: self._strips(digits, images, rows, generator) for name, (images, rows) in parts.items()}
        )

    def _strips(self, digits: dict[str, Array], images: Array, rows: int, generator: Any) -> ArrayColumns:
        import numpy as np

        from ..columns import ArrayColumns

        counts = generator.integers(self.fewest, self.most + 1, rows)
        chosen = images[generator.integers(0, len(images), (rows, self.most))]
        gaps = generator.integers(0, _LARGEST_GAP + 1, (rows, self.most))
        ends = np.cumsum(gaps + _SIZE, axis=1)
        widths = ends[np.arange(rows), counts - 1]
        strips = (generator.random((rows, (_SIZE + _LARGEST_GAP) * self.most, _SIZE)) * 0.25).astype(np.float32)
        strips[np.arange(strips.shape[1]) >= widths[:, None]] = 0
        there = np.arange(self.most) < counts[:, None]
        row, place = np.nonzero(there)
        columns = ends[row, place][:, None] - _SIZE + np.arange(_SIZE)
        strips[row[:, None], columns] = digits["image"][chosen[row, place]].transpose(0, 2, 1)
        return ArrayColumns(
            {
                "strip": strips,
                "columns": widths,
                "digits": np.where(there, digits["label"][chosen], 10),
                "digit_count": counts,
            }
        )
