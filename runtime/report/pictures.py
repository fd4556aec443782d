"""The pictures of a report as files: filters, feature maps, what is generated, and the worst mistakes on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .features import Features
from .generated import Generated
from .inference import Sample
from .record import Record
from .results import Classes, Numbers
from .tiles import captioned_png
from .values import as_picture, pixels


def generated_pictures(generated: Sequence[Generated]) -> dict[str, bytes]:
    """File name -> PNG of what the model makes of random numbers."""
    return {f"generated-{number}.png": each.picture for number, each in enumerate(generated, start=1)}


def pictures_of(features: Features | None) -> dict[str, bytes]:
    """File name -> PNG of the filters of the first convolution, and the maps of each convolution and example."""
    if features is None:
        return {}
    named = {"filters.png": features.filters}
    for number, maps in enumerate(features.maps, start=1):
        named |= {f"maps-{number}-{place}.png": png for place, png in enumerate(maps.pictures.values(), start=1)}
    return named


def mistakes_of(record: Record, sample: Sample | None, results: Sequence[Classes | Numbers]) -> dict[str, bytes]:
    """File name -> PNG of the worst mistakes of each target with classes, where a feature is a picture."""
    if sample is None:
        return {}
    columns = [sample.columns[field.name] for field in record.bundle.manifest.features]
    seen = next((column for column in columns if as_picture(column) is not None), None)
    picture = None if seen is None else as_picture(seen)
    if picture is None:
        return {}
    wrong = [result for result in results if isinstance(result, Classes) and result.mistakes]
    return {
        f"mistakes-{number}.png": captioned_png(
            [np.asarray(pixels(picture, mistake.index)) for mistake in result.mistakes],
            [f"is {mistake.wanted}, said {mistake.received}" for mistake in result.mistakes],
        )
        for number, result in enumerate(wrong, start=1)
    }
