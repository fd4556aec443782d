"""The packages that only reports need."""

from __future__ import annotations

import importlib.util

from ..errors import EnvironmentProblem

PACKAGES = {
    "jinja2": "Jinja2",
    "matplotlib": "Matplotlib",
    "PIL": "Pillow",
    "pygments": "Pygments",
    "pygraphviz": "Graphviz",
}
"""Module -> what people call it."""


def check_installed() -> None:
    """Before any work is done.

    Raises:
        EnvironmentProblem: some are missing; all of them are named.
    """
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise EnvironmentProblem(
            f"a report needs packages that are not installed: {', '.join(missing)}",
            "install them with: pip install 'netwright[report]'",
        )
