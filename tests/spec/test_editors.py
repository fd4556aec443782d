"""The schema for editors: formulas anywhere, and kinds of the spec's own only where there can be any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from netwright.compiler.spec import spec_schema
from netwright.runtime.data.source import source_schema

HERE = Path(__file__).parent
VALIDATOR = Draft202012Validator(spec_schema(source_schema()))
BASE: dict[str, Any] = {"netwright": 1, "inputs": {"x": [4]}}


def valid(**sections: Any) -> bool:
    return VALIDATOR.is_valid({**BASE, **sections})


@pytest.mark.parametrize("file", sorted(HERE.glob("data/*.yaml")) + sorted((HERE.parents[1] / "specs").rglob("*.yaml")))
def test_specs_are_valid_in_editors(file: Path) -> None:
    found = [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))]
    # PyYAML reads `1e-3` as text, as YAML 1.1 has it; editors follow YAML 1.2.
    assert [message for message in found if "e-" not in message] == []


def test_formulas_stand_for_any_value() -> None:
    assert valid(network=[{"dense": {"units": "${n}", "use_bias": "${b}", "activation": "${a}"}}, {"dense": "${n}"}])
    assert valid(network=["${kind}", {"repeat": {"times": "${n}", "layers": ["relu"]}}])
    assert valid(network=["relu"], training={"loss": "squared_error", "epochs": "${n}", "clip_global_norm": "${n}"})
    assert not valid(network=[{"dense": {"units": "n"}}])
    assert not valid(network=[{"dense": {"units": "${n}", "activation": "rellu"}}])
    assert not valid(network=["relu"], training={"loss": "squared_error", "epochs": "many"})
    assert not valid(network=["relu"], include=3)


def test_unknown_layers_are_marked_unless_the_spec_may_define_them() -> None:
    assert not valid(network=["rellu"])
    assert not valid(network=[{"sequence": [{"dence": 3}]}])
    blocks = {"rellu": ["relu"], "dence": {"parameters": {"n": "integer"}, "layers": [{"dense": "${n}"}]}}
    assert valid(network=["rellu", {"sequence": [{"dence": 3}]}], blocks=blocks)
    assert valid(network=["rellu"], include="blocks.yaml")
    assert valid(network=["relu"], outputs={"y": {"rellu": {}}}, blocks=blocks)
    assert not valid(network=[{"dense": {"unit": 3}}], blocks=blocks)
    assert not valid(network=["relu"], blocks={"b": {"layers": ["relu"], "parameter": {}}})
    assert not valid(network=["relu"], blocks={"b": {"layers": ["relu"], "parameters": {"n": "int"}}})
    assert valid(
        network=["relu"], blocks={"b": {"layers": ["a"], "parameters": {"n": {"type": "text", "default": "a"}}}}
    )


def test_networks_by_name() -> None:
    assert valid(network={"y": "x * 2", "z": {"dense": 3}})
    assert not valid(network={"y": 3})
    assert not valid(network={"y": {"dence": 3}})
