"""Packages that only some data sources need."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import EnvironmentProblem


def require_package(module: str, package: str, who: str, extra: str = "data") -> Any:
    """The module, imported. `who` needs it, such as `data source 'csv'`.

    Raises EnvironmentProblem, naming the extra that brings the package, when it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise EnvironmentProblem(
            f"{who} needs {package}, which is not installed", f"install it with: pip install 'netwright[{extra}]'"
        ) from None
