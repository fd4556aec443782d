"""What the reference is made of: families of pages, a page for each kind, a line for each field."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST_SUMMARY = 100


@dataclass(frozen=True)
class Field:
    """One key that a person may write."""

    name: str
    admits: str
    """What it takes, in the words of the error messages: `a positive integer`."""
    default: str
    """As it would be written; `required`, or empty where the meaning says it."""
    meaning: str


@dataclass(frozen=True)
class Page:
    """One kind of a family, one section of a spec, or one function of formulas."""

    family: str
    """In the singular, as in `layer`."""
    name: str
    text: str
    """Markdown: what it does, its formula, where it comes from."""
    fields: tuple[Field, ...]
    example: str
    """YAML as it stands in a spec."""
    shorthand: str | None = None
    """The field that a bare value stands for."""

    @property
    def title(self) -> str:
        """A name that is its own: `layer constant` and `initializer constant` both exist."""
        return f"{self.family} {self.name}"

    @property
    def summary(self) -> str:
        """The first sentence of the text, without the formula after its colon where the whole is long."""
        paragraph = " ".join(self.text.split("\n\n")[0].split())
        sentence = re.split(r"(?<=[.!?…])\s+(?=[A-ZΘΣ`])", paragraph, maxsplit=1)[0]
        if len(sentence) > _LONGEST_SUMMARY:
            sentence = re.split(r"[:;] ", sentence, maxsplit=1)[0]
        return sentence.rstrip(".:")


@dataclass(frozen=True)
class Family:
    """All pages of one kind of thing, in the order a person reads them."""

    name: str
    title: str
    common: tuple[Field, ...]
    """Fields that every kind takes besides its own."""
    pages: tuple[Page, ...]
