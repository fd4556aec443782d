"""`sine`: points of the sine curve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netwright.schema import spec_field

from ...errors import UserError
from ..source import Dataset, DataSource


@DataSource.registry.register("sine")
@dataclass(frozen=True, kw_only=True)
class Sine(DataSource):
    """y = sin(x) for x uniform on [low, high), plus noise: what one hidden layer can approximate as well as one likes.

    With `noise_high` the noise grows evenly from `noise` at `low` to `noise_high` at `high`. Columns: `x` and `y`
    (float32, one number each). The points are a function of the fields.
    """

    rows: int = spec_field("How many points to make.", default=1000, minimum=1)
    low: float = spec_field("The least x.", default=-3.141592653589793)
    high: float = spec_field("The greatest x.", default=3.141592653589793)
    noise: float = spec_field("Standard deviation of the noise in y.", default=0.0, minimum=0)
    noise_high: float | None = spec_field(
        "Standard deviation of the noise at `high`; that of `noise` unless given.", default=None, minimum=0
    )
    seed: int = spec_field("Of the random numbers.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        from ..columns import ArrayColumns

        if self.low >= self.high:
            raise UserError(f"data source 'sine': low must be less than high, received {self.low} and {self.high}")
        generator = np.random.Generator(np.random.PCG64(self.seed))
        x = generator.uniform(self.low, self.high, self.rows)
        along = (x - self.low) / (self.high - self.low)
        noise = self.noise if self.noise_high is None else self.noise + (self.noise_high - self.noise) * along
        y = np.sin(x) + noise * generator.standard_normal(self.rows)
        return Dataset(ArrayColumns({"x": x.astype(np.float32), "y": y.astype(np.float32)}))
