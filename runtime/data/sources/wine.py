"""`wine`: a table that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..shipped import ShippedTable
from ..source import DataSource


@DataSource.registry.register("wine")
@dataclass(frozen=True, kw_only=True)
class Wine(ShippedTable):
    """178 wines of three Italian cultivars with thirteen chemical measurements.

    Columns: `x` (float32, [13]), each measurement under its own name (`alcohol` …) and `label` (int64, 0 to 2). No
    partitions of its own.

    Data: S. Aeberhard and M. Forina, UCI Machine Learning Repository, doi:10.24432/C5PC7J; CC BY 4.0.
    """

    features: ClassVar[tuple[str, ...]] = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280_od315_of_diluted_wines",
        "proline",
    )
    class_names: ClassVar[tuple[str, ...] | None] = ("class_0", "class_1", "class_2")
    file: ClassVar[Path] = Path(__file__).with_suffix(".npz")
