"""The loss family. Importing this package registers all kinds."""

from .base import Loss

__all__ = ["Loss"]
