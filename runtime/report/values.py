"""Examples for people: pictures where a value has the shape of one, a few numbers otherwise."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.columns import Array
from .answers import Answer
from .inference import Sample
from .results import number_text
from .tiles import png

LEAST_SIDE, MOST_SIDE = 4, 512
"""Pixels between which an array with two long axes counts as a picture."""
SHOWN = 8
"""Numbers of a vector that are written out."""


@dataclass(frozen=True)
class Shown:
    """One value of one example: `image` is a data URI of a PNG, or else `text` says it."""

    name: str
    text: str
    image: str | None = None


def show(name: str, values: Array, row: int) -> Shown:
    """The value of one row; brightness is scaled by the whole column, so that pictures compare."""
    picture = as_picture(values)
    if picture is None:
        return Shown(name, values_text(values[row]))
    return Shown(name, "", data_uri(png(pixels(picture, row))))


def show_alone(name: str, sample: Sample, answer: Answer, row: int) -> Shown:
    """What the model gave for a row, on the brightness scale of what was wanted."""
    wanted, given = sample.columns[answer.target.name], sample.outputs[answer.output]
    low, high = float(wanted.min()), float(wanted.max())
    return show(name, given.clip(low, high) if as_picture(given) is not None else given, row)


def as_picture(values: Array) -> Array | None:
    """A column (rows, height, width) or (rows, height, width, 3), when it has the shape of one.

    One channel or three may be the last axis or the first.
    """
    shape = values.shape[1:]
    if len(shape) == 3 and shape[2] not in (1, 3) and shape[0] in (1, 3):
        values = np.moveaxis(values, 1, -1)
        shape = values.shape[1:]
    if len(shape) == 3 and shape[2] == 1:
        values, shape = values[..., 0], shape[:2]
    grey, colored = len(shape) == 2, len(shape) == 3 and shape[2] == 3
    if not (grey or colored) or values.dtype.kind not in "fiu":
        return None
    return values if all(LEAST_SIDE <= side <= MOST_SIDE for side in shape[:2]) else None


def pixels(values: Array, row: int) -> Array:
    """A row as uint8. Numbers from 0 to 1 become 0 to 255; others run from the column's least to its most."""
    picture: Array = values[row]
    if values.dtype == np.uint8:
        return picture
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled = (picture.astype(np.float64) - low) / ((high - low) or 1.0)
    return np.asarray((scaled * 255).round(), np.uint8)


def data_uri(content: bytes) -> str:
    """A PNG as the address of itself, so that a page needs no other file."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def values_text(value: Any) -> str:
    """`3.14`, or `0.5, 1, −2 … and 61 more`."""
    flat = np.asarray(value).ravel()
    text = ", ".join(_one(item) for item in flat[:SHOWN])
    return text if flat.size <= SHOWN else f"{text} … and {flat.size - SHOWN:,} more"


def _one(item: Any) -> str:
    return number_text(float(item)) if np.asarray(item).dtype.kind == "f" else str(item)
