"""`sunspots`: a series that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..shipped import ShippedSeries
from ..source import DataSource


@DataSource.registry.register("sunspots")
@dataclass(frozen=True, kw_only=True)
class Sunspots(ShippedSeries):
    """The number of sunspots in each year from 1700 to 2008: 309 rows in the order of time.

    Columns: `year` (int64) and `sunspots` (float32, the year's mean). No partitions of its own; `data.series` cuts
    examples from it.

    Data: National Geophysical Data Center; public domain.
    """

    file: ClassVar[Path] = Path(__file__).with_suffix(".npz")
