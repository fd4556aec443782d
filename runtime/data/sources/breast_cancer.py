"""`breast_cancer`: a table that ships with netwright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..shipped import ShippedTable
from ..source import DataSource


@DataSource.registry.register("breast_cancer")
@dataclass(frozen=True, kw_only=True)
class BreastCancer(ShippedTable):
    """569 tumours with thirty measurements of cell nuclei, malignant (212) or benign (357).

    Columns: `x` (float32, [30]), each measurement under its own name (`mean_radius` …) and `label` (int64: 0 malignant,
    1 benign). No partitions of its own.

    Data: W. Wolberg, O. Mangasarian, N. Street and W. Street, Breast Cancer Wisconsin (Diagnostic), UCI Machine
    Learning Repository, doi:10.24432/C5DW2B; CC BY 4.0.
    """

    features: ClassVar[tuple[str, ...]] = (
        "mean_radius",
        "mean_texture",
        "mean_perimeter",
        "mean_area",
        "mean_smoothness",
        "mean_compactness",
        "mean_concavity",
        "mean_concave_points",
        "mean_symmetry",
        "mean_fractal_dimension",
        "radius_error",
        "texture_error",
        "perimeter_error",
        "area_error",
        "smoothness_error",
        "compactness_error",
        "concavity_error",
        "concave_points_error",
        "symmetry_error",
        "fractal_dimension_error",
        "worst_radius",
        "worst_texture",
        "worst_perimeter",
        "worst_area",
        "worst_smoothness",
        "worst_compactness",
        "worst_concavity",
        "worst_concave_points",
        "worst_symmetry",
        "worst_fractal_dimension",
    )
    class_names: ClassVar[tuple[str, ...] | None] = ("malignant", "benign")
    file: ClassVar[Path] = Path(__file__).with_suffix(".npz")
