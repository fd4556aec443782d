"""The JSON Schema of a whole spec: the registries' families under `$defs`, and the fixed sections.

It is what validation enforces, and what `netwright schema` prints for editors.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netwright.schema import Definitions, Registry, described_schema, load_plugins

from .expand import Composite
from .expand.blocks import Block, BlockSettings, ParameterSettings, call_schema
from .expand.constants import CONSTANTS_SCHEMA
from .include import INCLUDE_SCHEMA
from .settings import (
    NAME,
    NAME_PATTERN,
    REFERENCE,
    REFERENCES,
    DataSettings,
    InputSettings,
    ObjectiveSettings,
    TokenizerSettings,
    TrainingSettings,
)

LANGUAGE_VERSION = 1


@dataclass(frozen=True)
class Families:
    """The registries a spec may name kinds of."""

    layers: Registry[Any]
    losses: Registry[Any]
    optimizers: Registry[Any]
    initializers: Registry[Any]
    schedules: Registry[Any]
    metrics: Registry[Any]

    def __iter__(self) -> Iterator[Registry[Any]]:
        return iter((self.layers, self.losses, self.optimizers, self.initializers, self.schedules, self.metrics))


_BASES = {
    "layers": "Layer",
    "losses": "Loss",
    "optimizers": "Optimizer",
    "initializers": "Initializer",
    "schedules": "Schedule",
    "metrics": "Metric",
}


def installed_families() -> Families:
    """The families of this package, with every kind of it and of plugins. Imported on first use."""
    registries = {}
    for folder, base in _BASES.items():
        module = importlib.import_module(f"..{folder}.base", __package__)
        registries[folder] = getattr(module, base).registry
    load_plugins("netwright.compiler")
    return Families(**registries)


def spec_schema(data_schema: Mapping[str, Any] | None = None, families: Families | None = None) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of specs, for editors. `data_schema` is that of `data.source`; None admits any."""
    from .editors import for_editors

    return for_editors(language_schema(data_schema, families))


def language_schema(
    data_schema: Mapping[str, Any] | None = None,
    families: Families | None = None,
    blocks: Mapping[str, Block] | None = None,
    named: Collection[str] | None = None,
) -> dict[str, Any]:
    """JSON Schema of the specs that use `blocks` (None: none), its formulas apart: it knows values, not `${…}`.

    `named` leaves out the kinds that it does not hold, as for `Definitions`.
    """
    families = families or installed_families()
    schema = schema_without_blocks(data_schema, families, named)
    return _with_blocks(schema, _common_fields(families)[families.layers.family], blocks) if blocks else schema


def schema_without_blocks(
    data_schema: Mapping[str, Any] | None, families: Families, named: Collection[str] | None
) -> dict[str, Any]:
    """The part of `language_schema` that is the same for every spec."""
    common = _common_fields(families)
    definitions = Definitions(common, named)
    for registry in families:
        definitions.reference(registry)
    _add_composites(definitions, common[families.layers.family])
    training = _training_schema(definitions)
    data = described_schema(DataSettings, definitions)
    if data_schema is not None:
        source = dict(data_schema)
        definitions.schemas.update(source.pop("$defs", {}))
        data["properties"]["source"] = {"description": data["properties"]["source"]["description"], **source}
    layer = {"$ref": "#/$defs/layer"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "netwright spec",
        "type": "object",
        "additionalProperties": False,
        "required": ["netwright", "inputs", "network"],
        "properties": {
            "netwright": {"const": LANGUAGE_VERSION, "description": "Version of the spec language."},
            "include": INCLUDE_SCHEMA,
            "name": {**NAME, "description": "Name of the model (default: that of the file)."},
            "constants": CONSTANTS_SCHEMA,
            "tokenizers": {
                "type": "object",
                "description": "What makes whole numbers of text, by name.",
                "minProperties": 1,
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "additionalProperties": described_schema(TokenizerSettings, definitions),
            },
            "blocks": _blocks_schema(definitions),
            "inputs": {
                "type": "object",
                "description": "The values the network is given, by name.",
                "minProperties": 1,
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": described_schema(InputSettings, definitions),
            },
            "network": {
                "type": ["array", "object"],
                "description": "The layers, each reading the value before it unless it says `from`. Or formulas and "
                "layers by name.",
                "minItems": 1,
                "minProperties": 1,
                "items": layer,
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": {
                    "type": ["string", "object"],
                    "x-expected": "a formula or a layer",
                    "if": {"type": "object"},
                    "then": layer,
                },
                "x-expected": "a list of layers",
            },
            "outputs": {
                "type": "object",
                "description": "What the network returns, by name (default: `output`, the last value).",
                "minProperties": 1,
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": {
                    "type": ["string", "object", "array"],
                    "description": "The name of a value, a formula, a layer, or a list of layers.",
                    "minItems": 1,
                    "items": layer,
                    "x-expected": "the name of a value, a layer, or a list of layers",
                    "if": {"type": "object"},
                    "then": layer,
                },
            },
            "training": training,
            "data": data,
        },
        "$defs": definitions.schemas,
    }


def _training_schema(definitions: Definitions) -> dict[str, Any]:
    """The section `training`, which has a `loss` or `objectives`."""
    training = described_schema(TrainingSettings, definitions)
    objective = described_schema(ObjectiveSettings, definitions)
    for key in ("loss", "objectives", "optimizer"):
        training["properties"][key].pop("default")  # described in words; None is not what one would write
    objective["properties"]["optimizer"].pop("default")
    training["properties"]["objectives"]["additionalProperties"] = objective
    return {
        **training,
        "type": ["object"],
        "if": {"not": {"required": ["objectives"]}},
        "then": {
            "required": ["loss"],
            "properties": {"loss": {"description": training["properties"]["loss"]["description"]}},
        },
    }


def _add_composites(definitions: Definitions, common: Mapping[str, dict[str, Any]]) -> None:
    """Composites are written where layers are."""
    kinds = definitions.schemas["layer"]["properties"]
    for kind, cls in Composite.registry.items():
        kinds.setdefault(kind, described_schema(cls, definitions, common))


def _with_blocks(
    schema: dict[str, Any], common: Mapping[str, dict[str, Any]], blocks: Mapping[str, Block]
) -> dict[str, Any]:
    """So are blocks; a kind of layer keeps its name."""
    definitions = schema["$defs"]
    layer = definitions["layer"]
    kinds, (bare,) = dict(layer["properties"]), layer["allOf"]
    named = list(bare["then"]["enum"])
    for name, block in blocks.items():
        if name not in kinds:
            kinds[name] = call_schema(block, common, definitions)
            named += [] if kinds[name]["required"] else [name]
    alone = {**bare, "then": {**bare["then"], "enum": named}}
    return {**schema, "$defs": {**definitions, "layer": {**layer, "properties": kinds, "allOf": [alone]}}}


def _blocks_schema(definitions: Definitions) -> dict[str, Any]:
    block = described_schema(BlockSettings, definitions)
    parameter = described_schema(ParameterSettings, definitions)
    block["properties"]["parameters"]["additionalProperties"] = parameter
    return {
        "type": "object",
        "description": "Chains of layers with names and parameters, used as layers by their name.",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": block,
    }


def _common_fields(families: Families) -> dict[str, dict[str, dict[str, Any]]]:
    """What every layer, loss and metric takes besides its own fields."""
    name = {**NAME, "description": "Name of the value it makes (default: its kind and a number, such as `dense1`)."}
    source = {
        **REFERENCES,
        "description": "The value it reads, or a list of them: names of layers or inputs (default: the value before).",
    }
    judged = {
        **REFERENCE,
        "description": "The value it judges: a layer, input or output (default: the last layer).",
    }
    target = {
        **NAME,
        "type": ["string", "number"],
        "description": "What it compares with: a column of the data, an input, or a number that is the target of every "
        "example (default: that of its kind).",
        "x-expected": "a name or a number",
    }
    weight = {"type": "number", "exclusiveMinimum": 0, "default": 1, "description": "Its share in the total loss."}
    class_weights = {
        "type": "array",
        "items": {"type": "number", "minimum": 0},
        "minItems": 2,
        "description": "How much the examples of each class count (default: all 1); the loss is the weighted mean.",
    }
    sample_weight = {
        **NAME,
        "description": "A column of the data that says how much each example counts; the loss is the weighted mean.",
    }
    mask = {
        **REFERENCE,
        "description": "A value of shape (batch, time): steps where it is 0 are padding and do not count; the loss is "
        "the mean over the others.",
    }
    lengths = {
        **REFERENCE,
        "description": "A value of shape (batch), whole numbers: how many steps of each sequence count. The same as a "
        "`mask`.",
    }
    label_lengths = {
        **NAME,
        "description": "A column of the data, whole numbers: how many labels a row of the target has; those after are "
        "padding. For losses whose target is a row of labels.",
    }
    followed = {**REFERENCE, "description": "The value it judges (default: that of the loss with the same target)."}
    followed_target = {**NAME, "description": "What it compares with (default: the target of the loss)."}
    reported = {**NAME, "description": "The name it is reported by (default: that of its kind)."}
    return {
        families.layers.family: {"name": name, "from": source},
        families.losses.family: {
            "from": judged,
            "target": target,
            "weight": weight,
            "class_weights": class_weights,
            "sample_weight": sample_weight,
            "mask": mask,
            "lengths": lengths,
            "label_lengths": label_lengths,
        },
        families.metrics.family: {"from": followed, "target": followed_target, "name": reported},
    }
