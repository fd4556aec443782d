"""The operator records. Importing this package registers all of them."""

from ..ir import apply, constant, op
from . import arithmetic, reduction, shapes

__all__ = ["apply", "arithmetic", "constant", "op", "reduction", "shapes"]
