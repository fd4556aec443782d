"""`synthetic_linear`: rows of a known linear model, to check that training recovers it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from netwright.schema import spec_field

from ..source import Dataset, DataSource


@DataSource.registry.register("synthetic_linear")
@dataclass(frozen=True, kw_only=True)
class SyntheticLinear(DataSource):
    """Rows of a linear model with known weights: y = x · weights + bias + noise · e, x and e standard normal.

    Columns: `x` (float32, [number of weights]) and `y` (float32, one number). The rows are a function of the fields.
    """

    example: ClassVar[str] = "synthetic_linear: {weights: [2, -3.5, 1], bias: 0.7, rows: 500}"
    weights: tuple[float, ...] = spec_field("The weight of each feature.", min_items=1)
    bias: float = spec_field("Added to every row.", default=0.0)
    noise: float = spec_field("Standard deviation of the noise in y.", default=0.0, minimum=0)
    rows: int = spec_field("How many rows to make.", default=1000, minimum=1)
    seed: int = spec_field("Of the random numbers.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns

        generator = np.random.Generator(np.random.PCG64(self.seed))
        x = generator.standard_normal((self.rows, len(self.weights)))
        y = x @ np.array(self.weights) + self.bias + self.noise * generator.standard_normal(self.rows)
        return Dataset(ArrayColumns({"x": x.astype(np.float32), "y": y.astype(np.float32)}))
