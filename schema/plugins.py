"""Kinds that other packages bring: their entry points are loaded when the registries are first used.

A package names the modules that register its kinds, under the half of netwright that they belong to:

    [project.entry-points."netwright.compiler"]  # all but data sources
    swish = "netwright_swish.layer"

    [project.entry-points."netwright.runtime"]   # data sources
    weather = "netwright_weather.source"

They are two groups because a run needs no compiler: what the runtime loads must not import it.
"""

from __future__ import annotations

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
