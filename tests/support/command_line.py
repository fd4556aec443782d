"""The command line as tests call it."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

Cli = Callable[..., Result]
"""The fixture `cli`: words of a command line -> its exit code, stdout and stderr."""
