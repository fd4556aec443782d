"""`digit_pairs`: digits two by two, to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from ..source import Dataset, DataSource

if TYPE_CHECKING:
    from ..columns import Array, ArrayColumns

_TEST_IMAGES = 360
"""Of 1,797: their pairs are the test partition, so that no image is in both."""


@DataSource.registry.register("digit_pairs")
@dataclass(frozen=True, kw_only=True)
class DigitPairs(DataSource):
    """Pairs of the digits that ship with netwright (see `digits`); in half of them both images show the same digit.

    Columns: `left` and `right` (float32, [8, 8], 0 to 1), `left_label` and `right_label` (int64, 0 to 9), and what
    there is to find out: `same_digit` (int64, 1 for the same), `larger` (1 where the left digit is the larger one) and
    `digit_sum` (0 to 18). It brings a test partition of its own, whose 360 images occur in no training pair.
    """

    example: ClassVar[str] = "digit_pairs: {rows: 5000}"
    rows: int = spec_field("How many pairs to make for training.", default=10_000, minimum=2)
    test_rows: int = spec_field("How many to make for testing.", default=2000, minimum=2)
    seed: int = spec_field("Of the random choice.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from .digits import Digits

        digits = Digits().load(base).train.take(slice(None))
        generator = np.random.Generator(np.random.PCG64(self.seed))
        order = generator.permutation(len(digits["label"]))
        train, test = order[_TEST_IMAGES:], order[:_TEST_IMAGES]
        return Dataset.of(
            {
                "train": _pairs(digits, train, self.rows, generator),
                "test": _pairs(digits, test, self.test_rows, generator),
            }
        )


def _pairs(digits: dict[str, Array], images: Array, rows: int, generator: Any) -> ArrayColumns:
    """Every second pair is of one digit, but never of one image with itself."""
    import numpy as np

    from ..columns import ArrayColumns

    label = digits["label"][images]
    left = generator.integers(0, len(images), rows)
    wanted = np.where(np.arange(rows) % 2 == 0, label[left], (label[left] + generator.integers(1, 10, rows)) % 10)
    right = np.empty_like(left)
    for digit in range(10):
        members = np.flatnonzero(label == digit)
        chosen = np.flatnonzero(wanted == digit)
        right[chosen] = generator.choice(members, len(chosen))
    itself = np.flatnonzero(left == right)
    for pair in itself:
        others = np.flatnonzero((label == label[left[pair]]) & (np.arange(len(label)) != left[pair]))
        right[pair] = generator.choice(others)
    a, b = label[left], label[right]
    return ArrayColumns(
        {
            "left": digits["image"][images[left]],
            "right": digits["image"][images[right]],
            "left_label": a,
            "right_label": b,
            "same_digit": (a == b).astype(np.int64),
            "larger": (a > b).astype(np.int64),
            "digit_sum": a + b,
        }
    )
