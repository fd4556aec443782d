"""The graphs that train: objective, updates, and the set a bundle holds."""

from .graphs import build_graphs

__all__ = ["build_graphs"]
