"""The optimizer family. Importing this package registers all kinds."""

from .base import Optimizer

__all__ = ["Optimizer"]
