"""`Described` dataclasses and the registries that hold them.

A kind is written in YAML in one of three forms, all meaning the same object:

    relu                      the bare name, when every field has a default
    dense: 10                 the shorthand field alone, when the class names one
    dense: {units: 10}        the fields
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

_MISSING = dataclasses.MISSING


def spec_field(
    doc: str,
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    minimum: float | None = None,
    exclusive_minimum: float | None = None,
    maximum: float | None = None,
    exclusive_maximum: float | None = None,
    min_items: int | None = None,
    schema: Mapping[str, Any] | None = None,
) -> Any:
    """A dataclass field a person may write: its meaning, default and bounds.

    `schema` replaces the JSON Schema derived from the type hint, for types this package does not know.
    """
    bounds = {
        "minimum": minimum,
        "exclusiveMinimum": exclusive_minimum,
        "maximum": maximum,
        "exclusiveMaximum": exclusive_maximum,
        "minItems": min_items,
    }
    metadata = {"doc": doc, "bounds": {k: v for k, v in bounds.items() if v is not None}, "schema": schema}
    if default is not _MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    if default_factory is not _MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(metadata=metadata)


T = TypeVar("T", bound="Described")


class Registry(Generic[T]):
    """The kinds of one family (layers, losses, data sources …), by the name a person writes.

    The kinds of a package that was declared are imported when they are first asked for: a spec names few of them.
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self._kinds: dict[str, type[T]] = {}
        self._homes: dict[str, str] = {}  # declared kind -> module that registers it
        self._packages: set[str] = set()

    def register(self, kind: str) -> Callable[[type[T]], type[T]]:
        """Class decorator: give a dataclass its name in YAML. A name can be taken once."""

        def add(cls: type[T]) -> type[T]:
            if kind in self._kinds or self._homes.get(kind, cls.__module__) != cls.__module__:
                raise ValueError(f"{self.family} '{kind}' is registered twice")
            if not cls.__doc__:
                raise ValueError(f"{self.family} '{kind}' has no docstring; it is its reference page")
            cls.kind = kind
            self._kinds[kind] = cls
            return cls

        return add

    def declare(self, package: str, modules: Mapping[str, str]) -> None:
        """Say which module of `package` registers a kind, without importing it.

        A module that is not named registers its kinds when the whole family is asked for.
        """
        for kind, module in modules.items():
            home = f"{package}.{module}"
            if kind in self._kinds and self._kinds[kind].__module__ != home:
                raise ValueError(f"{self.family} '{kind}' is registered twice")
            self._homes[kind] = home
        self._packages.add(package)

    def __getitem__(self, kind: str) -> type[T]:
        if kind not in self._kinds and kind in self._homes:
            importlib.import_module(self._homes[kind])
        return self._kinds[kind]

    def __contains__(self, kind: object) -> bool:
        return kind in self._kinds or kind in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    def items(self, named: Collection[str] | None = None) -> list[tuple[str, type[T]]]:
        """Every kind with its class, or those that are in `named`, in the order of their names."""
        if named is None:
            return sorted(self._all().items())
        return [(kind, self[kind]) for kind in sorted({*self._kinds, *self._homes}) if kind in named]

    def _all(self) -> Mapping[str, type[T]]:
        for package in sorted(self._packages):
            for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
                importlib.import_module(f"{package}.{module.name}")
        self._packages.clear()
        return self._kinds

    def build(self, entry: Any) -> T:
        """The object that a schema-valid YAML entry (any of the three forms) means."""
        kind, arguments = entry_kind(entry)
        return self[kind].from_yaml(arguments)


def entry_kind(entry: Any) -> tuple[str, Any]:
    """Split `relu`, `dense: 10` or `dense: {units: 10}` into kind and arguments (None when there are none)."""
    if isinstance(entry, str):
        return entry, None
    ((kind, arguments),) = entry.items()
    return str(kind), arguments


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """Base of every dataclass a person can write in YAML. Its docstring is its reference page."""

    kind: ClassVar[str] = ""
    shorthand: ClassVar[str | None] = None
    """The field that a bare value stands for: `dense: 10` is `dense: {units: 10}`."""
    example: ClassVar[str] = ""
    """YAML for the reference page: one entry, or sections of a spec with it; the bare kind unless given."""

    @classmethod
    def from_yaml(cls, arguments: Any) -> Self:
        """Build from schema-valid YAML: a mapping of fields, the shorthand value, or None for all defaults."""
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, Mapping):
            assert cls.shorthand is not None  # the schema admits a bare value only then
            arguments = {cls.shorthand: arguments}
        hints, declared = field_types(cls), declared_fields(cls)
        return cls(**{declared[name].name: _convert(hints[name], value) for name, value in arguments.items()})


def declared_fields(cls: type[Described]) -> dict[str, dataclasses.Field[Any]]:
    """The fields a person may write, as they are written: `return_` is `return`, which is no name in Python."""
    return {f.name.removesuffix("_"): f for f in dataclasses.fields(cls) if f.init and "doc" in f.metadata}


def field_types(cls: type[Described]) -> Mapping[str, Any]:
    """The fields a person may write, with their resolved type hints, in order of declaration."""
    if cls not in _FIELD_TYPES:
        hints = typing.get_type_hints(cls)
        _FIELD_TYPES[cls] = {name: hints[f.name] for name, f in declared_fields(cls).items()}
    return _FIELD_TYPES[cls]


_FIELD_TYPES: dict[Any, Mapping[str, Any]] = {}  # resolving hints is the costliest part of building a spec's schema


def union_members(hint: Any) -> tuple[Any, ...]:
    """`A | None` -> (A, NoneType); a plain type -> (type,)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return (hint,)


def registry_of(hint: Any) -> Registry[Any] | None:
    """The registry behind a hint that is a family's base class (such as `Initializer`), if it is one."""
    registry = getattr(hint, "registry", None) if isinstance(hint, type) else None
    return registry if isinstance(registry, Registry) else None


def _convert(hint: Any, value: Any) -> Any:
    if value is None:
        return _nothing(hint)
    for member in union_members(hint):
        registry = registry_of(member)
        if registry is not None and (isinstance(value, Mapping) or (isinstance(value, str) and value in registry)):
            return registry.build(value)
        if isinstance(member, type) and issubclass(member, Described) and registry is None and _fits(member, value):
            return member.from_yaml(value)
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if origin is tuple and isinstance(value, list):
            return tuple(_convert(arguments[0], item) for item in value)
        if origin is dict and isinstance(value, Mapping):
            return {key: _convert(arguments[1], item) for key, item in value.items()}
        if member is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    return value


def _nothing(hint: Any) -> Any:
    """What an empty value (`split:`) means: None where the field can be that, else all defaults."""
    members = union_members(hint)
    described = (m for m in members if isinstance(m, type) and issubclass(m, Described) and registry_of(m) is None)
    settings = None if types.NoneType in members else next(described, None)
    return None if settings is None else settings.from_yaml(None)


def _fits(cls: type[Described], value: Any) -> bool:
    return isinstance(value, Mapping) or cls.shorthand is not None
