"""`spiral`: two classes of points on intertwined spirals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netwright.schema import spec_field

from ..source import Dataset, DataSource


@DataSource.registry.register("spiral")
@dataclass(frozen=True, kw_only=True)
class Spiral(DataSource):
    """Points on two spirals around the origin, one for each class: no straight line comes near to dividing them.

    A point at t from 0 to 1 has the radius t and the angle 2π·turns·t, plus π for class 1; `noise` is added to both
    coordinates. Columns: `x` (float32, [2]) and `label` (int64, 0 or 1). The points are a function of the fields.
    """

    rows: int = spec_field("How many points to make; class 0 gets the odd one.", default=1000, minimum=2)
    turns: float = spec_field("How often each spiral goes round.", default=1.75, exclusive_minimum=0)
    noise: float = spec_field("Standard deviation of the noise.", default=0.02, minimum=0)
    seed: int = spec_field("Of the random numbers.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns

        generator = np.random.Generator(np.random.PCG64(self.seed))
        label = np.arange(self.rows, dtype=np.int64) % 2
        t = np.sqrt(generator.random(self.rows))  # as many points on the outer turns as their length asks for
        angle = 2 * np.pi * self.turns * t + np.pi * label
        point = np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1)
        x = point + self.noise * generator.standard_normal(point.shape)
        return Dataset(ArrayColumns({"x": x.astype(np.float32), "label": label}))
