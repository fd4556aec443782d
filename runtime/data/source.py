"""What a data source is: a described dataclass that a spec names under `data.source` and the runtime loads.

This module imports no numpy, so that a spec can be validated without it.
"""

from __future__ import annotations

import pkgutil
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import Described, Registry, entry_kind, load_plugins, registry_schema
from netwright.schema.described import field_types
from netwright.schema.json_schema import as_yaml

from ..errors import UserError
from .wording import alternatives, listing

if TYPE_CHECKING:
    from .columns import Columns


@dataclass(frozen=True)
class ColumnInfo:
    """What a column holds, known before it is loaded."""

    dtype: str
    """NumPy's name, such as `float32`."""
    shape: tuple[int, ...]
    """Of one row: an 8×8 image has (8, 8), a label ()."""
    classes: int | None = None
    """For scalar whole numbers from 0 on, one more than the largest in any partition; otherwise None."""
    categories: tuple[str, ...] | None = None
    """What the codes of a categorical column stand for."""


@dataclass(frozen=True)
class SourceDescription:
    """Rows of each partition, by `train`, `validation`, `test`, and the columns they all have."""

    rows: Mapping[str, int]
    columns: Mapping[str, ColumnInfo]


@dataclass(frozen=True)
class Dataset:
    """What a source loads. A source without partitions of its own puts every row in `train`."""

    train: Columns
    validation: Columns | None = None
    test: Columns | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column of codes 0, 1 … -> what each code stands for: class names, words."""
    mean_filled: frozenset[str] = frozenset()
    """Columns whose NaN are missing values, to be filled with the mean of the rows that are trained on."""

    names: tuple[str, ...] | None = None
    """Every column there is, where only some are read."""

    @classmethod
    def of(cls, parts: Mapping[str, Columns], **more: Any) -> Dataset:
        """From the partitions by name; `more` are the other fields."""
        return cls(parts["train"], parts.get("validation"), parts.get("test"), **more)

    def partitions(self) -> dict[str, Columns]:
        """Those that exist, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: columns for name, columns in named.items() if columns is not None}


@dataclass(frozen=True, kw_only=True)
class DataSource(Described):
    """Base of the data sources. A subclass is one file in `sources/`; its fields are its YAML schema."""

    registry: ClassVar[Registry[Any]] = Registry("data source")

    @abstractmethod
    def load(self, base: Path) -> Dataset:
        """Read everything. Relative paths start at `base`, the folder of the spec.

        Raises UserError for data that is missing, damaged or not what the source says it is.
        """

    def describe(self, base: Path) -> SourceDescription:
        """Rows, dtypes, shapes and class counts; a source whose `load` is slow finds them without it."""
        from .columns import describe_columns

        loaded = self.load(base)
        parts = loaded.partitions()
        described = describe_columns([columns.take(slice(None)) for columns in parts.values()])
        for name, categories in loaded.categories.items():
            described[name] = replace(described[name], classes=len(categories), categories=categories)
        return SourceDescription({name: columns.rows for name, columns in parts.items()}, described)

    def reading(self, columns: Sequence[str]) -> DataSource:
        """The same source, which need not read other columns than these (and may read them all)."""
        del columns
        return self

    def fitted(self, categories: Mapping[str, tuple[str, ...]], means: Mapping[str, float]) -> DataSource:
        """The same source with what was found in the data stated, so that it is used again and not found anew."""
        del categories, means
        return self

    def entry(self) -> Any:
        """What a spec writes for this source, as plain values."""
        return as_yaml(self)


def source_schema(named: Collection[str] | None = None) -> dict[str, Any]:
    """JSON Schema of `data.source`: one entry for each registered source, or for those that are in `named`."""
    _find_sources()
    return registry_schema(DataSource.registry, named)


def build_source(entry: Any) -> DataSource:
    """The source that a manifest's `data.source` names, such as `digits` or `{npz: {path: rows.npz}}`.

    Raises UserError for a source or a field this version does not know. (Fields' types were checked by the compiler.)
    """
    _find_sources()
    kind, arguments = entry_kind(entry)
    registry = DataSource.registry
    if kind not in registry:
        raise UserError(f"data source '{kind}' does not exist", alternatives(kind, list(registry)))
    fields = list(field_types(registry[kind]))
    unknown = [name for name in arguments if name not in fields] if isinstance(arguments, Mapping) else []
    if unknown:
        raise UserError(f"data source '{kind}' has no field {listing(unknown)}", alternatives(unknown[0], fields))
    source: DataSource = registry.build(entry)
    return source


def _find_sources() -> None:
    """Make known every module in `sources/`, each named as the source it registers, and what other packages bring."""
    from . import sources

    modules = [module.name for module in pkgutil.iter_modules(sources.__path__)]
    DataSource.registry.declare(sources.__name__, {name: name for name in modules})
    load_plugins("netwright.runtime")
