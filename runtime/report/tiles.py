"""Filters, feature maps and examples as PNG pictures, with transparent gaps that suit light and dark pages."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.columns import Array

LEAST_SIDE = 40
"""Pixels that the longer side of a tile has at least: smaller ones are enlarged by a whole number."""
GAP = 4
COLUMNS = 8
"""Tiles side by side."""


def filters_png(weight: Array, columns: int = COLUMNS) -> bytes:
    """A tile a filter of (filters, channels, height, width), on one scale for all of them.

    With three channels its colours, grey for 0. Otherwise red for positive and blue for negative weights, white for 0,
    and with several channels a row a filter and a tile a channel, of the first ones.
    """
    weight = weight.astype(np.float64)
    weight = weight / (np.abs(weight).max() or 1.0)
    if weight.shape[1] == 3:
        return tiles_png(_bytes(0.5 + 0.5 * np.moveaxis(weight, 1, -1)), columns)
    if weight.shape[1] > 1:
        weight = weight[:, :columns]
        columns = weight.shape[1]
    return tiles_png(_colored(0.5 + 0.5 * weight.reshape(-1, *weight.shape[2:]), "RdBu_r"), columns)


def maps_png(maps: Array, columns: int = COLUMNS) -> bytes:
    """A tile for each of an example's maps (channels, height, width): dark is the least of all numbers."""
    low, high = float(maps.min()), float(maps.max())
    return tiles_png(_colored((maps - low) / ((high - low) or 1.0), "magma"), columns)


def tiles_png(tiles: Array, columns: int) -> bytes:
    """(n, height, width, 3) of uint8 as one picture, row by row."""
    times = max(1, math.ceil(LEAST_SIDE / max(tiles.shape[1:3])))
    tiles = tiles.repeat(times, axis=1).repeat(times, axis=2)
    count, height, width = tiles.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 4), np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (place * (side + GAP) for place, side in zip(divmod(number, columns), (height, width), strict=True))
        sheet[top : top + height, left : left + width] = np.dstack([tile, np.full((height, width), 255, np.uint8)])
    return png(sheet)


def captioned_png(pictures: Sequence[Array], captions: Sequence[str], columns: int = 6) -> bytes:
    """Pictures (height, width) or (height, width, 3) of uint8, each under its caption."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    with matplotlib.rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(1.7 * columns, 1.95 * rows), dpi=120, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True), start=1):
            axes = figure.add_subplot(rows, columns, number)
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(caption, fontsize=8)
            axes.set_axis_off()
        buffer = io.BytesIO()
        canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def png(pixels: Array) -> bytes:
    """An image of uint8: grey (height, width), or with three or four channels last."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _colored(shares: Array, colormap: str) -> Array:
    """Numbers from 0 to 1 in the colours of a colormap of Matplotlib."""
    import matplotlib

    colored: Array = matplotlib.colormaps[colormap](shares, bytes=True)[..., :3]
    return colored


def _bytes(shares: Array) -> Array:
    return np.asarray((shares * 255).round(), np.uint8)
