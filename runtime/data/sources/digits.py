"""`digits`: the data set that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..source import Dataset, DataSource


@DataSource.registry.register("digits")
@dataclass(frozen=True, kw_only=True)
class Digits(DataSource):
    """1,797 handwritten digits of 8×8 pixels, inside netwright itself.

    Columns: `image` (float32, [8, 8], 0 to 1: the number of dark points among 16, divided by 16) and `label`
    (int64, 0 to 9). No partitions of its own: use `split`.

    Data: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository,
    doi:10.24432/C50P49; CC BY 4.0.
    """

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns
        from ..files import read_npz

        stored = read_npz(Path(__file__).with_name("digits.npz"))
        image = stored["image"].astype(np.float32) / np.float32(16)
        return Dataset(ArrayColumns({"image": image, "label": stored["label"].astype(np.int64)}))
