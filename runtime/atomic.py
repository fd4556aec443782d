"""Replace a file as a whole or not at all, surviving a crash at any moment."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .errors import EnvironmentProblem

_POSIX = os.name == "posix"


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, flush it to the disk, and rename it over `path`.

    A reader sees the old file or the new one. On failure the old one stays and nothing else is left.

    Raises:
        EnvironmentProblem: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise write_problem(path, error) from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents.

    Raises:
        EnvironmentProblem: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_problem(path, error) from error


def write_problem(path: Path, error: OSError) -> EnvironmentProblem:
    """What a failed write means for a person."""
    return EnvironmentProblem(
        f"{path}: cannot be written: {(error.strerror or str(error)).lower()}",
        "choose another folder, or make room and give write permission",
    )


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable. Only POSIX can open a folder for that."""
    if not _POSIX:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
