"""Dataclasses that are their own YAML schema, validation and reference page.

Both halves of netwright describe what a person may write with this package: the compiler its layers, losses and
optimizers, the runtime its data sources. It knows neither half.
"""

from .described import Described, Registry, entry_kind, spec_field
from .json_schema import Definitions, as_list, describe_fields, described_schema, registry_schema
from .lazy import lazy_kinds
from .plugins import PluginError, load_plugins

__all__ = [
    "Definitions",
    "Described",
    "PluginError",
    "Registry",
    "as_list",
    "describe_fields",
    "described_schema",
    "entry_kind",
    "lazy_kinds",
    "load_plugins",
    "registry_schema",
    "spec_field",
]
