"""The metric family. Importing this package registers all kinds."""

from .base import Metric

__all__ = ["Metric"]
