"""`diabetes`: a table that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..shipped import ShippedTable
from ..source import DataSource


@DataSource.registry.register("diabetes")
@dataclass(frozen=True, kw_only=True)
class Diabetes(ShippedTable):
    """442 diabetes patients with ten measurements, and how far the disease had progressed a year later.

    Columns: `x` (float32, [10]: each measurement minus its mean, divided so that its squares add up to 1), each
    measurement as it was taken under its own name (`age`, `sex`, `bmi`, `bp`, `s1` to `s6`) and `y` (float32, 25 to
    346). No partitions of its own.

    Data: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", Annals of Statistics 32, 2004.
    """

    features: ClassVar[tuple[str, ...]] = (
        "age",
        "sex",
        "bmi",
        "bp",
        "s1",
        "s2",
        "s3",
        "s4",
        "s5",
        "s6",
    )
    class_names: ClassVar[tuple[str, ...] | None] = None
    file: ClassVar[Path] = Path(__file__).with_suffix(".npz")
