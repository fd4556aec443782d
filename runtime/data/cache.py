"""The folder where fetched data sets are kept, and what must be in it."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

CACHE_VARIABLE = "NETWRIGHT_CACHE"


@dataclass(frozen=True)
class CachedFile:
    """A file of a data set: its name in the cache, its size in bytes, its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str

    def problem(self, folder: Path) -> str | None:
        """What is wrong with the copy in `folder`: `is missing`, `is damaged`, or None."""
        path = folder / self.name
        if not path.is_file():
            return "is missing"
        if path.stat().st_size != self.size or sha256_of(path) != self.sha256:
            return "is damaged"
        return None


def cache_folder(name: str) -> Path:
    """Where the data set `name` is kept: under `NETWRIGHT_CACHE` when set, else the platform's cache folder."""
    return _cache_root() / name


def _cache_root() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "netwright" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "netwright"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netwright"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
