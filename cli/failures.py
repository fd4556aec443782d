"""Every failure as a message on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from netwright.compiler.errors import Diagnostic

USER_ERROR = 1
ENVIRONMENT = 3
BUG = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
READER_GONE = 141  # 128 + SIGPIPE

_MACHINE_ERRNOS = frozenset(
    [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EIO]
)
"""Operating system errors that say what the machine cannot do, wherever they come from."""


def report(error: Exception) -> int:
    """Print what a person can do about `error`; the exit code. An error nobody foresaw is a bug in netwright."""
    from netwright.compiler.errors import SpecError
    from netwright.pictures.errors import PicturesMissing
    from netwright.runtime.errors import RuntimeProblem
    from netwright.schema import PluginError

    if isinstance(error, (PicturesMissing, PluginError)):
        print_problem(error.message, error.hint)
        return ENVIRONMENT
    if isinstance(error, SpecError):
        print_diagnostics(error.diagnostics)
        return USER_ERROR
    if isinstance(error, RuntimeProblem):
        print_problem(error.message, error.hint)
        return error.exit_code
    if isinstance(error, MemoryError):
        print_problem("there is not enough memory", "a smaller batch or network needs less")
        return ENVIRONMENT
    if isinstance(error, OSError) and error.errno in _MACHINE_ERRNOS:
        where = f"{error.filename}: " if error.filename else ""
        print_problem(f"{where}{(error.strerror or str(error)).lower()}")
        return ENVIRONMENT
    return _report_bug(error)


def print_problem(message: str, hint: str | None = None) -> None:
    """One message on stderr, its hint below it."""
    click.secho(f"error: {printable(message)}", err=True, fg="red", color=colored())
    for line in (hint or "").splitlines():
        click.secho(f"  hint: {printable(line)}", err=True, fg="cyan", color=colored())


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Diagnostics on stderr: plain lines in a log; on a terminal in colour, with the line of the spec and a caret."""
    for diagnostic in diagnostics:
        if not on_terminal():
            click.echo(printable(str(diagnostic)), err=True)
            continue
        click.secho(printable(f"{diagnostic.origin}: "), err=True, nl=False, bold=True, color=colored())
        click.secho(printable(diagnostic.message), err=True, fg="red", color=colored())
        for use in diagnostic.origin.uses:
            click.secho(printable(f"  {use}"), err=True, color=colored())
        for line in diagnostic.trail:
            click.secho(printable(f"  {line}"), err=True, color=colored())
        for line in _excerpt(diagnostic):
            click.secho(line, err=True, dim=True, color=colored())
        if diagnostic.hint:
            click.secho(printable(f"  hint: {diagnostic.hint}"), err=True, fg="cyan", color=colored())


def _excerpt(diagnostic: Diagnostic) -> list[str]:
    """The line of the spec with a caret under the place; nothing where the place is not in a file that can be read."""
    from .library import readable_path

    origin = diagnostic.origin
    try:
        rows = readable_path(origin.file).read_text(encoding="utf-8-sig").split("\n")
        row = rows[origin.line - 1]
    except (OSError, ValueError, IndexError):
        return []
    if not row.strip():
        return []
    start = max(0, origin.column - 60)
    shown, caret = row[start : start + 100].replace("\t", " "), " " * (origin.column - 1 - start) + "^"
    number = str(origin.line)
    return [f"  {number} | {printable(shown)}", f"  {' ' * len(number)} | {caret}"]


def printable(text: str) -> str:
    """The text without characters that would drive the terminal; they come from specs and data, which others write."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def on_terminal() -> bool:
    """Whether a person reads stderr as it is written, rather than a log."""
    return sys.stderr.isatty()


def colored() -> bool | None:
    """False where the person asked for no colour; None lets click decide by what it writes to."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _report_bug(error: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="netwright-", suffix=".txt", delete=False, encoding="utf-8") as stream:
        traceback.print_exception(error, file=stream)
    print_problem(
        f"this is a bug in netwright: {type(error).__name__}: {error}",
        f"please report it with your spec and the traceback in {stream.name}",
    )
    return BUG
