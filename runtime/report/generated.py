"""What a model makes of random numbers, where it takes some: pictures of what it generates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.columns import Array
from ..data.plan import Partitions
from ..device import Device
from ..predictor import Predictor
from .inference import drawn
from .record import Record
from .tiles import tiles_png
from .values import as_picture, pixels

SHOWN = 64
"""Rows that are drawn."""


@dataclass(frozen=True)
class Generated:
    """One output: count: of tiles in the PNG `picture`."""

    output: str
    count: int
    picture: bytes


def generate(record: Record, partitions: Partitions | None, device: Device) -> list[Generated]:
    """The outputs that are pictures, for rows whose drawn features are new and whose others are the first of the data.

    Nothing for a model that takes no random numbers, or whose data are not at hand where it takes some.
    """
    manifest = record.bundle.manifest
    taken = manifest.inference_features
    others = [field for field in taken if field.drawn is None]
    if len(others) == len(taken) or (others and partitions is None):
        return []
    rows = min(SHOWN, partitions.train.rows) if others and partitions is not None else SHOWN
    given = partitions.train.take(slice(0, rows)) if others and partitions is not None else {}
    features = {**{field.name: given[field.name] for field in others}, **drawn(taken, rows)}
    outputs = Predictor(record.bundle, device).predict(features)
    found = []
    for name, values in outputs.items():
        picture = as_picture(values)
        if picture is not None:
            tiles = np.stack([_colored(pixels(picture, row)) for row in range(rows)])
            found.append(Generated(name, rows, tiles_png(tiles, columns=16)))
    return found


def _colored(picture: Array) -> Array:
    """uint8 (height, width, 3), of grey pixels as well."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
