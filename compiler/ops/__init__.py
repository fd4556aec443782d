"""The operator records. Importing this package registers all of them."""

from ..ir import apply, constant, op
from . import (
    activation,
    arithmetic,
    cast,
    comparison,
    exponential,
    extremum,
    matmul,
    padding,
    reduction,
    shapes,
    slicing,
    softmax,
)

__all__ = [
    "activation",
    "apply",
    "arithmetic",
    "cast",
    "comparison",
    "constant",
    "exponential",
    "extremum",
    "matmul",
    "op",
    "padding",
    "reduction",
    "shapes",
    "slicing",
    "softmax",
]
