"""Figures that specs of the model library reach, and the page that lists them.

`make models` writes what the tests measure into docs/models.md; specs that did not run
keep their row.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from pathlib import Path

from .bundles import ROOT, SPECS, library_spec

PAGE = ROOT / "docs" / "models.md"
VARIABLE = "NETWRIGHT_MODELS_PAGE"
HEAD = """\
# Models

The specs that come with netwright, the figure each reaches, and the seconds its training took on two cores that other
work shared. Train one with `netwright train NAME`; `netwright list` prints them too. This page is written by
`make models`, whose tests hold each spec to its figure; other runs of the tests train those that take minutes on less.

| spec | data | figure | seconds | measured |
|---|---|---|---|---|
"""
_ROW = re.compile(r"^\| \[([\w-]+)\]\(")


@dataclass
class Figures:
    """What was measured in a session: spec -> its row of the page."""

    rows: dict[str, str] = field(default_factory=dict)

    def add(self, spec: str, figure: str, seconds: float | None = None) -> None:
        """Print a figure and keep it for the page. `seconds` of training; None where nothing is trained."""
        duration = "" if seconds is None else f"{seconds:.1f}"
        print(f"{spec}: {figure}{duration and f' ({duration} s)'}")  # noqa: T201 - pytest shows it with -s
        cells = [f"[{spec}]({link_to(spec)})", data_of(spec), figure, duration, datetime.date.today().isoformat()]
        self.rows[spec] = f"| {' | '.join(cells)} |"

    def write(self) -> None:
        """Write the page: new rows over old ones, in alphabetical order."""
        rows = {**rows_of_page(), **self.rows}
        PAGE.write_text(HEAD + "".join(f"{rows[spec]}\n" for spec in sorted(rows)), encoding="utf-8")


def rows_of_page() -> dict[str, str]:
    """The page's rows by spec."""
    lines = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    return {found[1]: line for line in lines if (found := _ROW.match(line))}


def data_of(spec: str) -> str:
    """The data source of a spec by name."""
    data = library_spec(spec).data
    if data is None:
        return ""
    source = data.source if isinstance(data.source, str) else next(iter(data.source))
    return "rows in the spec" if source == "table" else f"`{source}`"


def link_to(spec: str) -> str:
    """The spec, from the page."""
    return Path("..", SPECS[spec].relative_to(ROOT)).as_posix()
