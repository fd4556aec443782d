"""Packages of kinds: what each of its modules registers is said once, and a module is imported when it is first needed.

Importing every layer, loss and optimizer takes longer than checking a spec that names five of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from .described import Registry


def lazy_kinds(package: str, kinds: Mapping[str, str], *registries: Registry[Any]) -> Callable[[str], Any]:
    """Declare the kinds of a package (kind -> `module.Class`), and return the `__getattr__` of the package.

    With it `from package import Class` imports that class's module alone, as does `package.module` (PEP 562).
    """
    places = {kind: place.split(".") for kind, place in kinds.items()}
    modules = {name: module for module, name in places.values()}
    for registry in registries:
        registry.declare(package, {kind: module for kind, (module, _) in places.items()})

    def find(name: str) -> Any:
        if name in modules:
            return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        if name in modules.values():
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
