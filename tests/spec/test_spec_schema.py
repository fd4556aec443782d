"""The JSON Schema of a spec: valid, small, precise, and kind to editors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from jsonschema import Draft202012Validator
from netwright.compiler.spec import Families, spec_schema
from netwright.compiler.spec.schema import language_schema
from netwright.schema import Definitions, Described, Registry, describe_fields, registry_schema, spec_field


def test_it_is_a_valid_schema(families: Families) -> None:
    Draft202012Validator.check_schema(spec_schema(None, families))


def test_the_installed_families_make_a_valid_schema() -> None:
    schema = spec_schema()
    Draft202012Validator.check_schema(schema)
    assert {"layer", "loss", "optimizer", "initializer", "schedule", "metric", "activation"} <= schema["$defs"].keys()
    assert json.loads(json.dumps(schema)) == schema


def test_every_reference_leads_somewhere_and_no_choice_hides_messages(families: Families) -> None:
    schema = spec_schema({"type": "string"}, families)

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            assert not node.keys() & {"oneOf", "anyOf"}
            if isinstance(node.get("$ref"), str):
                assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"]
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            visit(child)

    visit(schema)


def test_families_are_written_once_and_may_hold_themselves(families: Families) -> None:
    schema = language_schema(None, families)
    kinds = schema["$defs"]["layer"]["properties"]
    assert kinds["branches"]["properties"]["layers"]["items"] == {"$ref": "#/$defs/layer"}
    assert kinds["dense"]["properties"]["initializer"]["$ref"] == "#/$defs/initializer"
    assert json.dumps(schema).count('"x-family": "layer"') == 2  # the entry, and its bare names


def test_fields_keep_description_and_default_in_yaml_form(families: Families) -> None:
    dense = language_schema(None, families)["$defs"]["layer"]["properties"]["dense"]
    fields = dense["properties"]
    assert dense["description"] == "y = x W + b."
    assert fields["units"] == {"type": "integer", "minimum": 1, "description": "number of outputs"}
    assert fields["bias"]["default"] is True
    assert fields["activation"]["default"] is None
    assert fields["initializer"]["default"] == {"normal": {"deviation": 0.1}}
    assert list(fields)[-2:] == ["name", "from"]


def test_sections_keep_description_and_default(families: Families) -> None:
    sections = language_schema(None, families)["properties"]
    training = sections["training"]["properties"]
    assert training["epochs"] == {
        "type": "integer",
        "minimum": 1,
        "default": 10,
        "description": training["epochs"]["description"],
    }
    assert training["regularization"]["default"] == {}
    assert "default" not in training["optimizer"]
    assert all(field["description"] for field in training.values())


def test_the_schema_of_the_data_source_is_handed_in(families: Families) -> None:
    handed = {"$ref": "#/$defs/data_source", "$defs": {"data_source": {"type": "string"}}}
    schema = spec_schema(handed, families)
    assert schema["properties"]["data"]["properties"]["source"]["$ref"] == "#/$defs/data_source"
    assert schema["$defs"]["data_source"] == {"type": "string"}
    assert "$defs" in handed  # what was handed in is left alone


NUMBERS: Registry[Any] = Registry("sort of number")


@NUMBERS.register("pi")
@dataclass(frozen=True, kw_only=True)
class Pi(Described):
    """Circumference by diameter."""

    registry: ClassVar[Registry[Any]] = NUMBERS


def test_a_family_stands_alone_with_its_definitions() -> None:
    schema = registry_schema(NUMBERS)
    assert schema["$ref"] == "#/$defs/sort_of_number"
    assert list(schema["$defs"]) == ["sort_of_number"]
    valid = Draft202012Validator(schema).is_valid
    assert valid("pi") and valid({"pi": None}) and valid({"pi": {}})
    assert not any(map(valid, ["e", {}, 3, None, {"pi": 3}, {"pi": {"x": 1}}]))


def test_bounds_hold_inside_lists() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Sized(Described):
        sizes: int | tuple[int, ...] = spec_field("sizes", minimum=1, min_items=2)

    (schema,) = describe_fields(Sized).values()
    valid = Draft202012Validator(schema).is_valid
    assert valid(1) and valid([1, 2])
    assert not any(map(valid, [0, [1, 0], [1], ["a", "b"]]))


def test_choices_of_other_types_than_text() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Chosen(Described):
        rank: Literal[1, 2] | None = spec_field("rank", default=1)

    (schema,) = describe_fields(Chosen).values()
    valid = Draft202012Validator(schema).is_valid
    assert valid(1) and valid(None)
    assert not valid(3) and not valid("1")


def test_a_field_that_every_kind_of_the_family_has_cannot_be_declared() -> None:
    registry: Registry[Any] = Registry("clashing")

    @registry.register("a")
    @dataclass(frozen=True, kw_only=True)
    class A(Described):
        """A."""

        name: str = spec_field("clashes", default="")

    with pytest.raises(TypeError) as caught:
        Definitions({"clashing": {"name": {}}}).reference(registry)
    assert str(caught.value) == "A declares the field 'name', which every kind of its family already has"


def test_hints_without_a_schema_are_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Vague(Described):
        value: complex = spec_field("no such YAML type")

    @dataclass(frozen=True, kw_only=True)
    class Ambiguous(Described):
        value: Literal["a"] | str = spec_field("text twice")

    with pytest.raises(TypeError) as caught:
        describe_fields(Vague)
    assert str(caught.value) == "no JSON Schema for the type hint <class 'complex'>; give the field a `schema`"
    with pytest.raises(TypeError) as caught:
        describe_fields(Ambiguous)
    assert str(caught.value) == (
        "the type hint typing.Union[typing.Literal['a'], str] admits one YAML type in two ways; "
        "give the field a `schema`"
    )
