"""From a compiled spec to what a drawing shows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from netwright.pictures.families import family_of
from netwright.pictures.network import Layer, Network, Objective, Output, Port

if TYPE_CHECKING:
    from netwright.compiler import Bundle
    from netwright.compiler.spec.settings import LayerEntry
    from netwright.schema import Described


def network_of(bundle: Bundle) -> Network:
    """The layers of a bundle with what each reads, its inputs, outputs and losses."""
    from netwright.compiler.layers import Activation
    from netwright.compiler.layers.time_distributed import OfSteps

    spec, manifest = bundle.spec, bundle.manifest
    prepared = {item.name: item.preprocess[-1].name for item in spec.inputs if item.preprocess}
    raw = {entry.name for item in spec.inputs for entry in item.preprocess}

    def read(entry: LayerEntry) -> tuple[str, ...]:
        """What a layer makes its value of."""
        sources = entry.from_[:1] if isinstance(entry.layer, OfSteps) else entry.from_
        return sources if entry.name in raw else tuple(map(meant, sources))

    def meant(name: str) -> str:
        """The name of an input means what its preprocessing makes of it."""
        return prepared.get(name, name)

    layers = tuple(
        Layer(
            name=entry.name,
            kind=row.kind,
            family=family_of(
                row.kind,
                is_activation=isinstance(entry.layer, Activation),
                sources=len(read(entry)),
                parameters=row.parameters,
            ),
            detail=detail_of(entry.layer),
            shape=row.shape,
            parameters=row.parameters,
            sources=read(entry),
        )
        for entry, row in zip(spec.layers, bundle.layers, strict=True)
    )
    return Network(
        name=spec.name,
        inputs=tuple(Port(f["name"], f["dtype"], tuple(f["shape"])) for f in manifest["features"]),
        layers=layers,
        outputs=tuple(
            Output(output.name, meant(output.from_), tuple(entry["shape"]))
            for output, entry in zip(spec.outputs, manifest["outputs"], strict=True)
        ),
        objectives=tuple(
            Objective(loss.loss.kind, meant(loss.from_), _target_text(loss.target), loss.weight)
            for loss in (spec.training.loss if spec.training else ())
        ),
    )


def _target_text(target: str | float) -> str:
    return target if isinstance(target, str) else f"{target:g}"


def detail_of(layer: Described) -> str:
    """What a person chose about a layer: `relu, rate 0.2`; no defaults, no initializers, no sizes that the shape says.

    An activation and a formula speak for themselves; `use_bias: false` is "no bias", other fields are `name value`.
    """
    parts = []
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if field.name in ("units", "filters", "shape", "target_shape") or "initializer" in field.name:
            continue
        if value == field.default or value is None:
            continue
        text = _value_text(value)
        if value is False and field.name.startswith("use_"):
            parts.append(f"no {field.name.removeprefix('use_').replace('_', ' ')}")
        elif text:
            label = field.name.removesuffix("_").replace("_", " ")
            parts.append(text if field.name in ("activation", "formula") else f"{label} {text}")
    return ", ".join(parts)


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, str)):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple) and all(isinstance(item, (int, float, str)) for item in value):
        return "×".join(map(_value_text, value))
    return str(getattr(value, "kind", ""))
