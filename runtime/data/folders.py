"""Files in folders that are named after their class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .wording import alternatives, listing

_PARTS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class LabelledFiles:
    """Files with the class of each, sorted by class and name."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]


def labelled_files(
    root: Path, endings: Sequence[str], stated: Sequence[str] | None, what: str
) -> tuple[dict[str, LabelledFiles], tuple[str, ...]]:
    """The files of each partition, and the class names in the order of their codes.

    `root` holds a folder for each class, or the folders `train` and (each optional) `validation`, `test` with the
    class folders inside. Classes are the folders of the training part in order of their names, or those `stated`.
    Files with other endings, and names that begin with a point, are left alone.

    Raises UserError when a folder or its files are missing, or a class is unknown.
    """
    folders = _folders(root)
    if not folders:
        raise UserError(f"{root}: has no folders; each class needs one, with its {what} inside")
    names = {folder.name: folder for folder in folders}
    parts = {"train": root}
    if "train" in names and set(names) <= set(_PARTS):
        parts = _parts(root, names)
    classes = tuple(stated) if stated is not None else tuple(folder.name for folder in _folders(parts["train"]))
    return {part: _files(folder, endings, classes, what) for part, folder in parts.items()}, classes


def _parts(root: Path, names: Mapping[str, Path]) -> dict[str, Path]:
    """The folder of each partition, training first."""
    parts: dict[str, Path] = {}
    for name, part in _PARTS.items():
        if name in names and part in parts:
            raise UserError(f"{root}: the folders {listing([parts[part].name, name])} both hold {part} data")
        if name in names:
            parts[part] = names[name]
    return parts


def _files(folder: Path, endings: Sequence[str], classes: tuple[str, ...], what: str) -> LabelledFiles:
    paths: list[Path] = []
    labels: list[int] = []
    found = _folders(folder)
    unknown = [each.name for each in found if each.name not in classes]
    if unknown:
        raise UserError(
            f"{folder}: the folder {listing(unknown[:1])} is none of the classes {listing(classes)}",
            alternatives(unknown[0], classes),
        )
    for label, name in enumerate(classes):
        inside = folder / name
        files = sorted(
            path
            for path in (inside.iterdir() if inside.is_dir() else ())
            if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
        )
        if not files and inside.is_dir():
            raise UserError(f"{inside}: has no {what} (files ending in {', '.join(endings)})")
        paths += files
        labels += [label] * len(files)
    if not paths:
        raise UserError(f"{folder}: has no folder of any class")
    return LabelledFiles(tuple(paths), tuple(labels))


def _folders(root: Path) -> list[Path]:
    if not root.exists():
        raise UserError(f"{root}: there is no such folder")
    if not root.is_dir():
        raise UserError(f"{root}: is a file, not a folder")
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
