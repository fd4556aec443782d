"""Kinds that other packages bring: their entry points are loaded when the registries are first used.

A package names the modules that register its kinds, under the half of netwright that they belong to:

    [project.entry-points."netwright.compiler"]  # all but data sources
    swish = "netwright_swish.layer"

    [project.entry-points."netwright.runtime"]   # data sources
    weather = "netwright_weather.source"

They are two groups because a run needs no compiler: what the runtime loads must not import it.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final, Literal

Group = Literal["netwright.compiler", "netwright.runtime"]

_loaded: Final[set[str]] = set()


class PluginError(Exception):
    """A package that brings kinds cannot be used. The environment is at fault, not the spec: exit code 3."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def load_plugins(group: Group) -> None:
    """Import the modules that installed packages name in `group`, once a process.

    Raises PluginError, with the package's name, for the first one that cannot be imported or registered.
    """
    if group in _loaded:
        return
    _loaded.add(group)  # first, since a plugin may use the registries itself
    if not _may_be_named(group):
        return
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        try:
            point.load()
        except Exception as error:  # whatever another package raises
            _loaded.discard(group)
            assert point.dist is not None  # those that entry_points() finds have one
            raise PluginError(
                f"the package {point.dist.name} {point.dist.version} cannot be used: its plugin '{point.name}' "
                f"fails with {type(error).__name__}: {error}",
                f"upgrade it, or remove it with `pip uninstall {point.dist.name}`",
            ) from error


def _may_be_named(group: Group) -> bool:
    """Whether the metadata of an installed package may hold `group`.

    Few bring plugins, and `importlib.metadata`, with the parser of e-mail that it stands on, takes as long to import as
    a spec takes to check: the folders that it would look into are searched for the text first. What only it can read,
    such as an archive on the path, is left to it.
    """
    if any(finder is not PathFinder and hasattr(finder, "find_distributions") for finder in sys.meta_path):
        return True
    section = f"[{group}]".encode()
    for folder in sys.path:
        try:
            found = os.scandir(folder or ".")
        except NotADirectoryError:
            return True
        except OSError:  # nothing can be imported from there either
            continue
        with found:
            if any(_is_metadata(entry.name) and section in _entry_points(entry.path) for entry in found):
                return True
    return False


def _is_metadata(name: str) -> bool:
    return name.lower().endswith((".dist-info", ".egg-info")) or name.lower() == "egg-info"


def _entry_points(folder: str) -> bytes:
    try:
        return Path(folder, "entry_points.txt").read_bytes()
    except OSError:  # most have none
        return b""
