"""Input number N of a seed: what it is and what it says, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from . import mutations
from .networks import SpecMaker
from .writing import as_yaml

ROOT: Final = Path(__file__).parents[2]
CORPUS: Final = Path(__file__).parent / "corpus"
SHARES: Final = {"bytes": 55, "soup": 5, "schema": 15, "network": 14, "damaged": 11}
"""How many of a hundred inputs are made in which way."""
OVERRIDDEN: Final = (
    "training.epochs",
    "training.seed",
    "network[0]",
    "network[0].dense.units",
    "inputs.x[0]",
    "a..b",
    "",
)
INCLUDED: Final = ("spec.yaml", "parts.yaml", "broken.yaml", "folder", "nowhere.yaml", "circle.yaml", "../a", "\0")


@dataclass(frozen=True)
class Input:
    """A spec file, and `--set` values beside it."""

    kind: str
    data: bytes
    overrides: tuple[str, ...] = ()


def make(seed: int, number: int) -> Input:
    """Input `number` of `seed`."""
    random = Random(f"{seed}/{number}")
    kind = random.choices(list(SHARES), list(SHARES.values()))[0]
    if kind == "bytes":
        data = mutations.of_bytes(random.choice(texts()), texts(), random)
    elif kind == "soup":
        data = mutations.soup(random)
    else:
        try:
            text = as_yaml(_tree(kind, random), random)
        except RecursionError:  # parts were put into parts until the writer gave up: something as deep in plain text
            text = "[" * 2000
        data = text.encode("utf-8", "surrogatepass")
        if random.random() < 0.03:
            data = mutations.of_bytes(data, texts(), random)
    return Input(kind, data, _overrides(random) if random.random() < 0.06 else ())


def _tree(kind: str, random: Random) -> Any:
    maker = SpecMaker(random, oddness=random.choice((0.0, 0.01, 0.05) if kind == "network" else (0.02, 0.1)))
    if kind == "schema":
        tree = maker.near_schema()
    elif kind == "damaged":
        whole = random.choice(trees()) if random.random() < 0.5 else maker.network()
        return mutations.of_tree(whole, maker.values, random)
    else:
        tree = maker.network()
    if random.random() < 0.04:
        tree["include"] = random.choices(INCLUDED, k=random.choice((1, 1, 2)))
    return tree


def _overrides(random: Random) -> tuple[str, ...]:
    maker = SpecMaker(random, oddness=0.1)
    values = (lambda: as_yaml(maker.values.anything(), random)[:-1], lambda: "9" * 27, lambda: "[1", lambda: "{a: *b}")
    count = random.choice((1, 1, 2))
    return tuple(f"{random.choice(OVERRIDDEN)}{random.choice('===: ')}{random.choice(values)()}" for _ in range(count))


@cache
def texts() -> list[bytes]:
    """The files that byte-level inputs start from: the library, every known mistake, what earlier runs found."""
    folders = (ROOT / "specs", ROOT / "tests" / "errors", CORPUS)
    return [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.yaml"))]


@cache
def trees() -> list[Any]:
    """The specs of the library as trees."""
    return [yaml.safe_load(path.read_bytes()) for path in sorted((ROOT / "specs").rglob("*.yaml"))]
