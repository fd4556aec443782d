"""The whole reference, collected from the registries and the JSON Schema of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netwright.schema import Registry
from netwright.schema.described import field_types

from .examples import example_of, in_place
from .fields import fields_of
from .pages import Family, Field, Page
from .sections import section_pages

_TITLES = {
    "layer": "Layers",
    "composite layer": "Layers of layers",
    "activation": "Activations",
    "loss": "Losses",
    "metric": "Metrics",
    "optimizer": "Optimizers",
    "schedule": "Schedules",
    "initializer": "Initializers",
    "data source": "Data sources",
}
_WRITTEN_AS = {"composite layer": "layer"}
"""Families whose kinds stand where those of another one do."""


def reference() -> dict[str, Family]:
    """Every family by its name in the singular, in the order of the reference; plugins are in it too."""
    from netwright.compiler.layers.base import Activation
    from netwright.compiler.spec import installed_families
    from netwright.compiler.spec.expand import Composite
    from netwright.compiler.spec.schema import language_schema
    from netwright.runtime.data import DataSource, source_schema

    schema = language_schema(source_schema())
    known = (*installed_families(), Activation.registry, Composite.registry, DataSource.registry)
    registries = {registry.family: registry for registry in known}
    families = {"section": Family("section", "Sections", (), tuple(section_pages(schema)))}
    for name, title in _TITLES.items():
        families[name] = _family(title, registries[name], schema)
    families["function"] = _functions()
    return families


def _family(title: str, registry: Registry[Any], schema: Mapping[str, Any]) -> Family:
    written_as = _WRITTEN_AS.get(registry.family, registry.family.replace(" ", "_"))
    entries = schema["$defs"][written_as]["properties"]
    kinds = [(kind, cls) for kind, cls in registry.items() if not _has_a_page_elsewhere(registry, kind)]
    sections = frozenset(schema["properties"])
    common: tuple[Field, ...] = ()
    pages = []
    for kind, cls in kinds:
        own = field_types(cls)
        described = entries[kind]
        common = fields_of(described, without=own)
        fields = fields_of(described, without={field.name for field in common})
        example = example_of(cls, registry.family, sections)
        pages.append(
            Page(registry.family, kind, described["description"], fields, example, described.get("x-shorthand"))
        )
    return Family(registry.family, title, common, tuple(pages))


def _has_a_page_elsewhere(registry: Registry[Any], kind: str) -> bool:
    """Whether a layer is an activation as well: those are described once, among the activations."""
    from netwright.compiler.layers.base import Activation, Layer

    return registry is Layer.registry and kind in Activation.registry


def _functions() -> Family:
    from netwright.compiler.expressions import FUNCTIONS

    pages = []
    for name, function in sorted(FUNCTIONS.items()):
        use = function.example or f"{name}(x)"
        pages.append(Page("function", name, function.doc, (), in_place(use, "function")))
    return Family("function", "Functions of formulas", (), tuple(pages))
