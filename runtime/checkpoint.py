"""Checkpoints: one safetensors file with the whole state, and the position of the run in its header.

One file, so that replacing it is one rename: there is no moment at which state and position disagree.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .atomic import write_atomically
from .decode import DecodeError, decode
from .errors import UserError
from .manifest import Manifest, StateEntry

_HEADER = "netwright"
"""The key of the position in safetensors' own metadata."""


@dataclass(frozen=True)
class Best:
    """The best epoch so far (counted from 0), by the monitored metric."""

    epoch: int
    value: float


@dataclass
class Position:
    """How far a run has come: everything besides the state that decides what happens next.

    epoch, step_in_epoch: the batch to take next. step: steps done in all.
    rows, sums: of this epoch's training metrics so far (sums over rows, by metric).
    best, reference, stale: see `EarlyStopper`.
    seconds: time spent training in all.
    """

    spec_sha256: str
    seed: int
    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    rows: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best: Best | None = None
    reference: float | None = None
    stale: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """The state by name, on the host, and the position it belongs to."""

    state: dict[str, NDArray[Any]]
    position: Position


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace `path` as a whole.

    Raises:
        EnvironmentProblem: the disk is full, or the folder cannot be written. The checkpoint before stays.
    """
    from safetensors.numpy import save

    header = {_HEADER: json.dumps(dataclasses.asdict(checkpoint.position))}
    write_atomically(path, save(checkpoint.state, header))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        UserError: there is none, or the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        position = decode(Position, json.loads(header[_HEADER]))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no checkpoint", "train without --resume first") from None
    except KeyError:
        raise UserError(f"{path}: not a checkpoint of netwright") from None
    except (OSError, SafetensorError, json.JSONDecodeError, DecodeError) as error:
        raise UserError(f"{path}: the checkpoint is damaged: {error}") from error
    return Checkpoint(state, position)


def check_fits(path: Path, checkpoint: Checkpoint, manifest: Manifest) -> None:
    """Refuse a checkpoint whose state is not the bundle's.

    Raises:
        UserError: every state that is missing, extra or of another shape or dtype, and where the spec defines it.
    """
    wanted = {entry.name: entry for entry in manifest.state}
    differences = [_difference(entry, checkpoint.state.get(entry.name)) for entry in manifest.state]
    differences += [
        f"'{name}' ({_described(value)}) is in the checkpoint, but the spec has no such state"
        for name, value in sorted(checkpoint.state.items())
        if name not in wanted
    ]
    found = [f"\n  {difference}" for difference in differences if difference]
    if found:
        raise UserError(
            f"{path}: the checkpoint is of another spec:{''.join(found)}",
            "resume with the spec the run was started with, or train into another folder",
        )


def check_files(run: Path, known: Manifest, manifest: Manifest) -> None:
    """Refuse to go on with a network that layers made of other files than when the run was started.

    Raises:
        UserError: a file of the spec has changed.
    """
    before = {file.path: file.sha256 for file in known.files}
    for file in manifest.files:
        if before.get(file.path, file.sha256) != file.sha256:
            raise UserError(
                f"{run}: the run was started with another '{file.path}' than the one there is now",
                "put that file back, or train into another folder",
            )


def check_vocabularies(run: Path, known: Manifest, manifest: Manifest) -> None:
    """Refuse to go on with weights that are for other words, where the training texts have changed meanwhile.

    Raises:
        UserError: each layer and tokenizer whose words are not those of the run.
    """
    before = {vocabulary.layer: vocabulary for vocabulary in known.vocabularies}
    changes = [
        f"\n  '{now.layer}' was fitted to {then.words:,} words, "
        + (f"now to {now.words:,}" if now.words != then.words else "now to others")
        for now in manifest.vocabularies
        if (then := before.get(now.layer)) is not None and then.sha256 != now.sha256
    ]
    tokens = {tokenizer.name: tokenizer for tokenizer in known.tokenizers}
    changes += [
        f"\n  '{new.name}' was fitted to {old.size:,} tokens, "
        + (f"now to {new.size:,}" if new.size != old.size else "now to others")
        for new in manifest.tokenizers
        if (old := tokens.get(new.name)) is not None and old.sha256 != new.sha256
    ]
    if changes:
        raise UserError(
            f"{run}: the training texts have changed since the run began, so its weights are for other words:"
            f"{''.join(changes)}",
            "bring the texts back, or train into another folder",
        )


def _difference(entry: StateEntry, value: NDArray[Any] | None) -> str | None:
    place = f", defined at {entry.origin}" if entry.origin else ""
    wanted = f"{entry.dtype} {list(entry.shape)}"
    if value is None:
        return f"'{entry.name}' is missing from the checkpoint; the spec needs {wanted}{place}"
    if value.shape != entry.shape or value.dtype != np.dtype(entry.dtype):
        return f"'{entry.name}' is {_described(value)} in the checkpoint, {wanted} in the spec{place}"
    return None


def _described(value: NDArray[Any]) -> str:
    return f"{value.dtype} {list(value.shape)}"
