"""What a drawing shows, as plain data: `network.json` of a run is `Network.to_json`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int | str, ...]
"""Sizes and symbolic axes, without the batch axis."""


@dataclass(frozen=True)
class Port:
    """A value that the network is given."""

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Layer:
    """One layer. `sources` names the inputs and layers it reads; a `/` in a name separates a block from what is in it.

    family: see `families`. detail: what else the box says, such as `relu` or `rate 0.2`.
    """

    name: str
    kind: str
    family: str
    detail: str
    shape: Shape
    parameters: int
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """A value that the network returns as `name`: that of the layer or input `source`."""

    name: str
    source: str
    shape: Shape


@dataclass(frozen=True)
class Objective:
    """A loss: which value it compares with which target, and its share in the total."""

    loss: str
    source: str
    target: str
    weight: float


@dataclass(frozen=True)
class Network:
    """A network as a person sees it. Layers come in the order of computation."""

    name: str
    inputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[Output, ...]
    objectives: tuple[Objective, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values, by the names of the fields."""
        return dataclasses.asdict(self)


def shape_text(shape: Shape) -> str:
    """`8 × 8`; `scalar` for one number an example."""
    return " × ".join(map(str, shape)) or "scalar"


def count_text(count: int, noun: str) -> str:
    """`1 layer`, `1,200 parameters`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
