"""`iris`: a table that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..shipped import ShippedTable
from ..source import DataSource


@DataSource.registry.register("iris")
@dataclass(frozen=True, kw_only=True)
class Iris(ShippedTable):
    """150 irises of three species, 50 each, with four lengths and widths in cm.

    Columns: `x` (float32, [4]), each measurement under its own name (`sepal_length` …) and `label` (int64: setosa,
    versicolor, virginica). No partitions of its own.

    Data: R. A. Fisher, UCI Machine Learning Repository, doi:10.24432/C56C76; CC BY 4.0.
    """

    features: ClassVar[tuple[str, ...]] = (
        "sepal_length",
        "sepal_width",
        "petal_length",
        "petal_width",
    )
    class_names: ClassVar[tuple[str, ...] | None] = ("setosa", "versicolor", "virginica")
    file: ClassVar[Path] = Path(__file__).with_suffix(".npz")
