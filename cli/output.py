"""Text to stdout or into a file, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from netwright.compiler import Bundle


def write_text(text: str, output: Path | None) -> None:
    """Print `text`, or replace the file `output` with it only when all of it is written.

    Raises:
        UserError: there is no such folder.
        EnvironmentProblem: the file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
        return
    from netwright.runtime.atomic import write_atomically
    from netwright.runtime.errors import UserError

    if not output.parent.is_dir():
        raise UserError(f"{output.parent}: no such folder")
    write_atomically(output, text.encode())


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle as a new folder, all of it or nothing.

    The compiler has one kind of failure, a wrong spec. What the operating system refuses is none of the spec's, so here
    it becomes the failure that every other file has which cannot be written.

    Raises:
        SpecError: the folder exists already.
        EnvironmentProblem: the disk is full, or the folder cannot be written.
    """
    from netwright.compiler import SpecError
    from netwright.runtime.atomic import write_problem

    try:
        bundle.write(folder)
    except SpecError as error:
        if isinstance(error.__cause__, OSError):
            raise write_problem(folder, error.__cause__) from error
        raise


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns of plain text under their titles; the columns `right` are aligned to the right."""
    widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    rule = ["─" * width for width in widths]
    lines = []
    for row in (titles, rule, *rows):
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
