"""`co2`: a series that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..shipped import ShippedSeries
from ..source import DataSource


@DataSource.registry.register("co2")
@dataclass(frozen=True, kw_only=True)
class Co2(ShippedSeries):
    """Carbon dioxide in the air at Mauna Loa, Hawaii, week by week from March 1958 to December 2001: 2,284 rows.

    Columns: `date` (int64, year, month and day as one number: 19580329, a Saturday) and `co2` (float32, in parts per
    million). 59 weeks have no measurement, and NaN stands for it: say in `data.series` what to do about them. No
    partitions of its own.

    Data: C. D. Keeling and T. P. Whorf, Carbon Dioxide Information Analysis Center, 2004; public domain.
    """

    file: ClassVar[Path] = Path(__file__).with_suffix(".npz")
