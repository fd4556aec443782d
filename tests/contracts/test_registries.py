"""What every kind a person can write promises: a reference page, described fields, all YAML forms, a valid schema."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from netwright.compiler.initializers import Initializer
from netwright.compiler.layers import Activation, Layer
from netwright.compiler.losses import Loss
from netwright.compiler.metrics import Metric
from netwright.compiler.optimizers import Optimizer
from netwright.compiler.schedules import Cosine, Schedule
from netwright.schema import Described, Registry, as_list, describe_fields, registry_schema
from netwright.schema.described import declared_fields

REGISTRIES: list[Registry[Any]] = [
    Layer.registry,
    Activation.registry,
    Loss.registry,
    Metric.registry,
    Optimizer.registry,
    Schedule.registry,
    Initializer.registry,
]
KINDS = [pytest.param(registry, kind, id=f"{registry.family}-{kind}") for registry in REGISTRIES for kind in registry]


def sample(schema: dict[str, Any]) -> Any:
    """A value that fits a field's schema."""
    types = as_list(schema["type"]) if "type" in schema else ["string"]
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    if "integer" in types:
        return least + 1
    if "number" in types:
        return (least + schema.get("maximum", schema.get("exclusiveMaximum", least + 2))) / 2
    if "array" in types:
        return ["a", "b"] if schema.get("items", {}).get("type") == "string" else [2, 3]
    if "boolean" in types:
        return True
    return next((word for word in words(schema) if word is not None), "some_name")


def words(schema: dict[str, Any]) -> Iterator[str]:
    """The texts that a schema admits: of its own, then kinds of the families it refers to."""
    yield from schema.get("enum", [])
    for part in schema.get("allOf", []):
        yield from words(part["then"])
    if "$ref" in schema:
        registry = next(r for r in REGISTRIES if schema["$ref"].endswith(f"/{r.family}"))
        yield from (kind for kind in registry if not required(registry[kind]))


def required(cls: type[Described]) -> dict[str, Any]:
    """A value for every field without a default."""
    missing = dataclasses.MISSING
    names = [
        f.name.removesuffix("_")
        for f in dataclasses.fields(cls)
        if f.default is missing and f.default_factory is missing
    ]
    return {name: sample(describe_fields(cls)[name]) for name in names}


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.family)
def test_the_package_says_which_module_registers_a_kind(registry: Registry[Any]) -> None:
    """So that a spec which names it imports that module alone."""
    kinds = {kind: cls.__module__ for kind, cls in registry.items() if cls.__module__.startswith("netwright.compiler.")}
    assert registry._homes == kinds


@pytest.mark.parametrize("family", ["layers", "losses", "optimizers", "initializers", "schedules", "metrics"])
def test_the_classes_of_a_package_are_what_it_says(family: str) -> None:
    package = importlib.import_module(f"netwright.compiler.{family}")
    for kind, place in package._KINDS.items():
        module, _, name = place.partition(".")
        cls = getattr(package, name)
        assert (cls.kind, cls.__module__, cls.__name__) == (kind, f"{package.__name__}.{module}", name)
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    with pytest.raises(AttributeError, match=rf"^module 'netwright\.compiler\.{family}' has no attribute 'Nothing'$"):
        _ = package.Nothing


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.family)
def test_the_schema_of_a_family_is_valid(registry: Registry[Any]) -> None:
    assert len(registry) > 0
    jsonschema.Draft202012Validator.check_schema(registry_schema(registry))


@pytest.mark.parametrize(("registry", "kind"), KINDS)
def test_a_kind_is_a_reference_page(registry: Registry[Any], kind: str) -> None:
    cls = registry[kind]
    assert cls.kind == kind
    page = inspect.cleandoc(cls.__doc__ or "")
    assert len(page) > 3
    assert not page.startswith(f"{cls.__name__}("), "this is the docstring that dataclasses make up"
    assert page[0] != " "
    assert page.rstrip().endswith((".", "|", "…")), "a sentence ends with a full stop"


@pytest.mark.parametrize(("registry", "kind"), KINDS)
def test_every_field_is_described(registry: Registry[Any], kind: str) -> None:
    cls = registry[kind]
    described = describe_fields(cls)
    assert list(described) == [f.name.removesuffix("_") for f in dataclasses.fields(cls) if f.init]
    for name, schema in described.items():
        assert schema["description"].endswith("."), name


@pytest.mark.parametrize(("registry", "kind"), KINDS)
def test_a_kind_builds_from_every_form(registry: Registry[Any], kind: str) -> None:
    cls = registry[kind]
    needed = required(cls)
    validator = jsonschema.Draft202012Validator(registry_schema(registry))

    def build(entry: Any) -> Any:
        validator.validate(entry)
        return registry.build(entry)

    built = build({kind: needed})
    assert type(built) is cls
    if not needed:
        assert build(kind) == build({kind: None}) == built
    for name, schema in describe_fields(cls).items():
        given = {**needed, name: sample(schema)}
        assert getattr(build({kind: given}), declared_fields(cls)[name].name) is not None
    if cls.shorthand is not None and set(needed) <= {cls.shorthand}:
        value = sample(describe_fields(cls)[cls.shorthand])
        assert build({kind: value}) == build({kind: {cls.shorthand: value}})


@pytest.mark.parametrize(("registry", "kind"), KINDS)
def test_an_unknown_field_is_refused(registry: Registry[Any], kind: str) -> None:
    entry = {kind: {**required(registry[kind]), "no_such_field": 1}}
    errors = list(jsonschema.Draft202012Validator(registry_schema(registry)).iter_errors(entry))
    assert [error.validator for error in errors] == ["additionalProperties"]


def test_every_activation_is_a_layer() -> None:
    assert set(Activation.registry) < set(Layer.registry)
    assert all(Layer.registry[kind] is cls for kind, cls in Activation.registry.items())


def test_every_optimizer_takes_a_number_or_a_schedule() -> None:
    def rate(kind: str, written: Any) -> Any:
        return getattr(Optimizer.registry.build({kind: {"learning_rate": written}}), "learning_rate")  # noqa: B009

    for kind in Optimizer.registry:
        assert rate(kind, 1) == 1.0
        assert rate(kind, {"cosine": 0.1}) == Cosine(peak=0.1)
