"""The layer family. Importing this package registers all kinds."""

from .base import Layer

__all__ = ["Layer"]
