"""The schedule family. Importing this package registers all kinds."""

from .base import Schedule

__all__ = ["Schedule"]
