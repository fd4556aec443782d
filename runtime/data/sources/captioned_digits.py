"""`captioned_digits`: handwritten digits on one canvas, and a sentence that says where each is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from ..source import ColumnInfo, Dataset, DataSource, SourceDescription

if TYPE_CHECKING:
    from ..columns import Array, ArrayColumns

_CELL, _DIGIT = 32, 28
_CANVAS = 2 * _CELL
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PLACES = {
    (0, 1): "left of", (2, 3): "left of", (0, 2): "above", (1, 3): "above",
    (0, 3): "above and left of", (1, 2): "above and right of",
}  # fmt: skip
"""Of two cells, numbered 0 1 in the upper row and 2 3 in the lower: where the first is, seen from the second."""


@DataSource.registry.register("captioned_digits")
@dataclass(frozen=True, kw_only=True)
class CaptionedDigits(DataSource):
    """Two or three digits of MNIST in the cells of a 2×2 canvas, with a caption that says which are there and where.

    Needs `netwright fetch mnist`. Columns: `image` (uint8, [64, 64]) and `caption` (text), such as `a seven above and
    left of a two` or `an eight left of a nine and a three below the right one`: of two digits the upper comes first, of
    two side by side the left one; of three, first the two that are side by side. Each digit is moved by up to four
    pixels in its cell. Training canvases show digits of MNIST's training images, test canvases those of its test
    images. They are a function of the fields.

    After Xu et al., Show, Attend and Tell, ICML 2015, whose photographs would need larger networks.
    """

    example: ClassVar[str] = "captioned_digits: {rows: 5000, test_rows: 500}"
    rows: int = spec_field("How many canvases to make for training.", default=20_000, minimum=1)
    test_rows: int = spec_field("How many to make for testing.", default=2000, minimum=1)
    seed: int = spec_field("Of the random choice.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from .mnist import Mnist

        parts = Mnist(scale=False).load(base).partitions()
        generator = np.random.Generator(np.random.PCG64(self.seed))
        rows = {"train": self.rows, "test": self.test_rows}
        return Dataset.of({part: _canvases(parts[part].take(slice(None)), rows[part], generator) for part in rows})

    def describe(self, base: Path) -> SourceDescription:
        """Known before the digits are fetched."""
        import numpy as np

        columns = {
            "image": ColumnInfo("uint8", (_CANVAS, _CANVAS)),
            "caption": ColumnInfo(np.dtypes.StringDType().name, ()),
        }
        return SourceDescription({"train": self.rows, "test": self.test_rows}, columns)


def _canvases(digits: dict[str, Array], rows: int, generator: Any) -> ArrayColumns:
    import numpy as np

    from ..columns import ArrayColumns
    from ..text import text_array

    image = np.zeros((rows, _CANVAS, _CANVAS), np.uint8)
    captions = []
    for canvas in image:
        cells = sorted(generator.choice(4, generator.integers(2, 4), replace=False).tolist())
        chosen = generator.integers(0, len(digits["label"]), len(cells))
        for cell, index in zip(cells, chosen, strict=True):
            top, left = generator.integers(0, _CELL - _DIGIT + 1, 2) + _CELL * np.array(divmod(cell, 2))
            canvas[top : top + _DIGIT, left : left + _DIGIT] = digits["image"][index]
        captions.append(caption(dict(zip(cells, digits["label"][chosen].tolist(), strict=True))))
    return ArrayColumns({"image": image, "caption": text_array(captions)})


def caption(cells: dict[int, int]) -> str:
    """The sentence for two or three digits by cell, in ascending order of the cells."""
    first, second, *rest = cells
    if not rest:
        return f"{_named(cells[first])} {_PLACES[first, second]} {_named(cells[second])}"
    left, right = (cell for cell in cells if cell ^ 1 in cells)  # the two of one row
    (single,) = set(cells) - {left, right}
    place = "below" if single > 1 else "above"
    side = "right" if single % 2 else "left"
    pair = f"{_named(cells[left])} left of {_named(cells[right])}"
    return f"{pair} and {_named(cells[single])} {place} the {side} one"


def _named(digit: int) -> str:
    return f"{'an' if digit == 8 else 'a'} {_WORDS[digit]}"
