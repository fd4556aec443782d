"""The reference of the spec language, made from the registries and the JSON Schema that validation enforces.

`netwright explain` prints it, `docs/language.md` is written from it; neither has words of its own about a kind.
"""

from .collect import reference
from .pages import Family, Field, Page

__all__ = ["Family", "Field", "Page", "reference"]
