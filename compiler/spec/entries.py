"""Layer entries of a plain tree, and the names they go by.

Checks and model both read a spec through this page, so that they cannot disagree about names. It is tolerant: what
the schema already rejected is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from netwright.schema import Registry

from .positions import Path


@dataclass(frozen=True)
class Reference:
    """A name somebody wrote to mean a value, and where."""

    name: str
    path: Path


@dataclass(frozen=True)
class Entry:
    """One kind with its arguments, apart from the names that connect it."""

    kind: str
    arguments: Any
    """A mapping of fields, the shorthand value, or None."""
    path: Path
    """Where the arguments stand, or the whole entry when there are none."""
    connections: dict[str, Any]
    """The common fields that were given, such as `name`, `from`, `target`."""

    @property
    def given_name(self) -> str | None:
        name = self.connections.get("name")
        return name if isinstance(name, str) else None

    def references(self, key: str = "from") -> list[Reference] | None:
        """The names under `from`; None when it was not given."""
        value = self.connections.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            return [Reference(value, (*self.path, key))]
        if not isinstance(value, list):
            return []
        return [Reference(item, (*self.path, key, i)) for i, item in enumerate(value) if isinstance(item, str)]


LAYER_CONNECTIONS = ("name", "from")
LOSS_CONNECTIONS = ("from", "target", "weight", "class_weights", "sample_weight", "mask", "lengths", "label_lengths")
LOSS_COLUMNS = {"sample_weight": "sample weight", "label_lengths": "column of lengths"}
"""The fields of a loss that name a column of the data besides its target, and what that is."""
METRIC_CONNECTIONS = ("name", "from", "target")


def read_entry(value: Any, path: Path, connections: Sequence[str]) -> Entry | None:
    """One entry in any of its three forms, or None when it is none of them."""
    if isinstance(value, str):
        return Entry(value, None, path, {})
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((kind, arguments),) = value.items()
    given: dict[str, Any] = {}
    if isinstance(arguments, dict):
        given = {key: arguments[key] for key in connections if key in arguments}
        arguments = {key: item for key, item in arguments.items() if key not in given}
    return Entry(kind, arguments, (*path, kind), given)


def read_entries(value: Any, path: Path, connections: Sequence[str]) -> list[Entry | None]:
    """A list of entries, or a single one."""
    if isinstance(value, list):
        return [read_entry(item, (*path, i), connections) for i, item in enumerate(value)]
    return [read_entry(value, path, connections)]


def loss_entries(training: Mapping[str, Any]) -> list[Entry]:
    """Every loss of a `training` section: those under `loss`, then those of each objective."""
    entries = read_entries(training["loss"], ("training", "loss"), LOSS_CONNECTIONS) if "loss" in training else []
    objectives = training.get("objectives")
    for name, objective in objectives.items() if isinstance(objectives, dict) else ():
        if isinstance(objective, dict) and "loss" in objective:
            path: Path = ("training", "objectives", name, "loss")
            entries += read_entries(objective["loss"], path, LOSS_CONNECTIONS)
    return [entry for entry in entries if entry is not None]


def target_of(loss: Entry, losses: Registry[Any]) -> str | None:
    """The name of what a loss compares with: the given one, or the default of its kind.

    None when it compares with a number (`constant_of`), and when neither is legible.
    """
    if "target" in loss.connections:
        given = loss.connections["target"]
        return given if isinstance(given, str) else None
    return str(losses[loss.kind].default_target) if loss.kind in losses else None


def columns_of(loss: Entry) -> dict[str, str]:
    """Field -> column, for those of `LOSS_COLUMNS` that are given legibly."""
    return {field: name for field in LOSS_COLUMNS if isinstance(name := loss.connections.get(field), str)}


def constant_of(loss: Entry) -> float | None:
    """The number that a loss compares with, if it is given one."""
    given = loss.connections.get("target")
    return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else None


class Nameable(Protocol):
    """What can be given a name, or be called by its kind."""

    @property
    def kind(self) -> str: ...

    @property
    def given_name(self) -> str | None: ...


def name_layers(entries: Iterable[Nameable | None], taken: Iterable[str]) -> list[str | None]:
    """The name of each layer: the given one, or its kind with a number, passing over names in `taken`.

    The number counts every layer of the kind, named or not: naming one layer leaves the others' names alone.
    """
    entries = list(entries)
    used = {*taken, *(entry.given_name for entry in entries if entry is not None)}
    counts: dict[str, int] = {}
    names: list[str | None] = []
    for entry in entries:
        if entry is None:
            names.append(None)
            continue
        counts[entry.kind] = counts.get(entry.kind, 0) + 1
        if entry.given_name is not None:
            names.append(entry.given_name)
            continue
        while (name := f"{entry.kind}{counts[entry.kind]}") in used:
            counts[entry.kind] += 1
        used.add(name)
        names.append(name)
    return names
