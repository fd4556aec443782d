"""The reference as Markdown: one page for the terminal, everything for docs/language.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .pages import Family, Field, Page

TEMPLATE = Path(__file__).with_name("language.md")
_PLACEHOLDER = re.compile(r"^\{\{ ([\w ]+) \}\}$", re.MULTILINE)


def language_page(families: Mapping[str, Family]) -> str:
    """docs/language.md: the prose of the template, and every family where it asks for it."""
    return _PLACEHOLDER.sub(lambda match: _chapter(families[match.group(1)]), TEMPLATE.read_text(encoding="utf-8"))


def page_text(page: Page, heading: str) -> str:
    """One page: what it is, its fields, an example. `heading` stands before its name."""
    parts = [f"{heading} {page.name}", page.text]
    if page.fields:
        parts.append(_fields(page.fields))
    if page.shorthand:
        parts.append(f"A bare value stands for `{page.shorthand}`.")
    if page.example:
        parts.append(f"```yaml\n{page.example}\n```")
    return "\n\n".join(parts)


def family_text(family: Family) -> str:
    """What a family has, a line each."""
    lines = [f"# {family.title}", _table(("", ""), ((f"`{page.name}`", page.summary) for page in family.pages))]
    if family.common:
        lines += [f"Every {family.name} also takes:", _fields(family.common)]
    return "\n\n".join(lines)


def _chapter(family: Family) -> str:
    if family.name == "function":
        rows = ((f"`{page.name}`", page.text, f"`{_formula(page)}`") for page in family.pages)
        return _table(("function", "meaning", "example"), rows)
    parts = []
    if family.common:
        parts += [f"Every {family.name} also takes:", _fields(family.common)]
    if family.name != "section":
        parts.append(" · ".join(f"[{page.name}](#{anchor(page)})" for page in family.pages))
    for page in family.pages:
        parts.append(f'<a id="{anchor(page)}"></a>\n\n{page_text(page, "###")}')
    return "\n\n".join(parts)


def _formula(page: Page) -> str:
    return page.example.split("expression: ", 1)[1]


def anchor(page: Page) -> str:
    """Where a page is in docs/language.md: `layer-dense`."""
    return re.sub(r"\W+", "-", page.title)


def _fields(fields: Iterable[Field]) -> str:
    rows = ((f"`{field.name}`", field.admits, field.default, field.meaning) for field in fields)
    return _table(("field", "takes", "default", "meaning"), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(titles), "|" + "---|" * len(titles), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
