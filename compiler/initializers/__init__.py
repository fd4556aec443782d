"""The initializer family. Importing this package registers all kinds."""

from .base import Initializer

__all__ = ["Initializer"]
