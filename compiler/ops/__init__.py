"""The operator records. Importing this package registers all of them."""

from ..ir import apply, constant, op
from . import arithmetic, cast, comparison, exponential, extremum, reduction, shapes

__all__ = [
    "apply",
    "arithmetic",
    "cast",
    "comparison",
    "constant",
    "exponential",
    "extremum",
    "op",
    "reduction",
    "shapes",
]
