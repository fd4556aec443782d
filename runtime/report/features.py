"""What a network's first convolutions have learned: their filters, and what they make of a few examples."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.columns import Array
from ..device import Device
from ..export import first_convolutions
from ..predictor import Predictor
from .inference import Sample
from .record import Record
from .results import Classes, Numbers
from .tiles import filters_png, maps_png

CONVOLUTIONS = 2
"""Convolutions whose feature maps are shown; filters are those of the first, whose channels can be seen."""
EXAMPLES = 4
MOST_FILTERS, MOST_MAPS = 64, 32
"""Tiles that a picture shows at most."""


@dataclass(frozen=True)
class Maps:
    """Feature maps of one convolution: index of the row in the sample -> a PNG. shape: of one map. count: of maps."""

    layer: str
    count: int
    shape: tuple[int, int]
    pictures: dict[int, bytes]


@dataclass(frozen=True)
class Features:
    """filters: PNG of those of the convolution `layer`; count: how many there are; kernel: their height and width."""

    layer: str
    count: int
    channels: int
    kernel: tuple[int, int]
    filters: bytes
    maps: tuple[Maps, ...]


def look_into(record: Record, sample: Sample, results: Sequence[Classes | Numbers], device: Device) -> Features | None:
    """Run the model up to its second convolution over a few rows of the sample; None without convolutions."""
    model, convolutions = first_convolutions(record.bundle.graph_file("inference"), CONVOLUTIONS)
    if not convolutions:
        return None
    rows = _examples(sample, results)
    features = {field.name: sample.columns[field.name][rows] for field in record.bundle.manifest.inference_features}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "convolutions.onnx"
        path.write_bytes(model)
        part = (path, [convolution.maps for convolution in convolutions])
        values = Predictor(record.bundle, device, part=part).predict(features)
    first = convolutions[0]
    count, channels, *kernel = first.weight.shape
    return Features(
        layer=first.layer,
        count=count,
        channels=channels,
        kernel=(kernel[0], kernel[1]),
        filters=filters_png(first.weight[:MOST_FILTERS]),
        maps=tuple(
            Maps(
                convolution.layer,
                maps.shape[1],
                (maps.shape[2], maps.shape[3]),
                {row: maps_png(each[:MOST_MAPS]) for row, each in zip(rows, firsts(maps, len(rows)), strict=True)},
            )
            for convolution in convolutions
            for maps in [values[convolution.maps]]
        ),
    )


def firsts(maps: Array, examples: int) -> Array:
    """The first map of each example: a convolution applied to every step of a sequence makes as many as there are."""
    return maps[:: len(maps) // examples]


def _examples(sample: Sample, results: Sequence[Classes | Numbers]) -> list[int]:
    """Rows of the sample: the first of each of the first classes, or else evenly spaced ones."""
    total = len(sample.numbers)
    for result in results:
        wanted = sample.columns[result.answer.target.name]
        if isinstance(result, Classes) and wanted.ndim == 1:
            firsts = np.unique(wanted, return_index=True)[1]
            return [int(row) for row in firsts[:EXAMPLES]]
    return list(range(0, total, max(1, total // EXAMPLES)))[:EXAMPLES]
