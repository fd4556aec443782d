"""What the folder of a finished run holds, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from netwright.pictures.network import Network

from ..bundle import Bundle
from ..decode import DecodeError, decode
from ..errors import UserError
from ..run_folder import RunFolder

T = TypeVar("T")
Metrics = dict[str, Any]
"""A number, K×K counts, or None where it was not finite."""


@dataclass(frozen=True)
class Epoch:
    """An epoch line of `metrics.jsonl`. seconds: training in all, up to its end; rate: rows a second in it."""

    epoch: int
    step: int
    seconds: float
    rate: float
    train: Metrics
    validation: Metrics | None


@dataclass(frozen=True)
class Result:
    """`summary.json`."""

    train: Metrics
    validation: Metrics | None
    test: Metrics | None
    seconds: float
    steps: int
    epochs: int
    best_epoch: int | None
    stopped_early: bool
    device: str
    seed: int

    def parts(self) -> dict[str, Metrics]:
        """The partitions that exist, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: metrics for name, metrics in named.items() if metrics is not None}


@dataclass(frozen=True)
class _Settings:
    base: str | None
    environment: dict[str, str] | None = None


@dataclass(frozen=True)
class Record:
    """A run. `spec` and `network` are None in a run that a program started with a bundle and no spec."""

    folder: RunFolder
    bundle: Bundle
    result: Result
    epochs: tuple[Epoch, ...]
    environment: dict[str, str]
    spec: str | None
    network: Network | None

    def files(self) -> list[tuple[str, int]]:
        """Every file of the bundle with its bytes, in alphabetical order of folders."""
        root = self.folder.bundle
        found = sorted(path for path in root.rglob("*") if path.is_file())
        return [(path.relative_to(root).as_posix(), path.stat().st_size) for path in found]


def read_record(run: str | Path) -> Record:
    """Read a run folder.

    Raises:
        UserError: no finished run, or one of its files cannot be read or is not what `netwright train` wrote.
    """
    folder = RunFolder(run)
    bundle = folder.trained_bundle()
    settings = _read_json(folder.settings, _Settings)
    return Record(
        folder=folder,
        bundle=bundle,
        result=_read_json(folder.summary, Result),
        epochs=_read_epochs(folder.metrics),
        environment=settings.environment or {},
        spec=_read_text(folder.spec) if folder.spec.exists() else None,
        network=_read_json(folder.network, Network) if folder.network.exists() else None,
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}", "train again into this folder") from error


def _read_json(path: Path, form: type[T]) -> T:
    value: T = _decode(path, form, _read_text(path))
    return value


def _read_epochs(path: Path) -> tuple[Epoch, ...]:
    """The epoch lines of `metrics.jsonl`; a run that trained for no epoch has none."""
    lines = _read_text(path).splitlines() if path.exists() else []
    epochs = []
    for number, line in enumerate(lines, start=1):
        tree = _decode(path, dict[str, Any], line, number)
        if tree.get("kind") == "epoch":
            epochs.append(_decode(path, Epoch, line, number))
    return tuple(epochs)


def _decode(path: Path, form: Any, text: str, line: int | None = None) -> Any:
    where = f"{path}:{line}" if line else str(path)
    try:
        return decode(form, json.loads(text))
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON: {error.msg}", "train again into this folder") from error
    except DecodeError as error:
        raise UserError(f"{where}: {error}", "train again into this folder") from error
