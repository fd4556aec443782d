"""Charts as SVG in the page's own colours and font, so that they are at home on light and dark pages.

Matplotlib draws with stand-in colours; each becomes a CSS variable of the page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from ..data.columns import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, GRID, FIRST, SECOND, PAPER = "#010101", "#010102", "#010103", "#010104", "#010105", "#010106"
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", FIRST: "first", SECOND: "second", PAPER: "card"}

_SERIES = {"training": FIRST, "validation": SECOND}

POINTS = 2_000
"""Points of a scatter plot; of more, evenly spaced ones are drawn."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text
    "font.family": ["DejaVu Sans"],  # measured with; the page's font is drawn
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "axes.formatter.useoffset": False,
    "text.parse_math": False,
}


def curve(
    name: str, epochs: Sequence[int], series: Mapping[str, Sequence[float | None]], best_epoch: int | None
) -> str:
    """A metric by epoch, one line for each series; a mark stands at the epoch whose weights were kept.

    None (not a finite number) leaves a gap. The scale is logarithmic where values span more than three decades.
    """

    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        lines = {label: np.array([np.nan if v is None else v for v in values]) for label, values in series.items()}
        for label, numbers in lines.items():
            marker = "o" if len(epochs) == 1 else None
            axes.plot(epochs, numbers, color=_SERIES.get(label, FIRST), label=label, marker=marker)
        if _spans_decades(np.concatenate(list(lines.values()))):
            axes.set_yscale("log")
        if best_epoch is not None and len(epochs) > 1:
            axes.axvline(best_epoch, color=MUTED, linewidth=1, linestyle=(0, (3, 3)), label="kept")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.02)
        axes.legend(loc="best", fontsize=9)

    return _chart(f"curve-{name}", f"{name} by epoch", draw)


def _spans_decades(values: Array) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 0 and float(known.min()) > 0 and float(known.max()) > 1e3 * float(known.min())


def scatter(key: str, wanted: Array, predicted: Array) -> str:
    """Predicted against true, with the line on which every prediction would be right."""
    wanted, predicted = _finite(wanted, predicted)
    step = max(1, -(-wanted.size // POINTS))
    true, said = wanted[::step], predicted[::step]

    def draw(axes: Axes) -> None:
        both = np.concatenate([true, said, [0.0] if not true.size else []])
        low, high = float(both.min()), float(both.max())
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.plot(true, said, linestyle="none", marker="o", markersize=3.5, color=FIRST, alpha=0.5, markeredgewidth=0)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")

    return _chart(f"scatter-{key}", "Predicted against true values", draw)


def _finite(wanted: Array, predicted: Array) -> tuple[Array, Array]:
    """The pairs that can be drawn."""
    known = np.isfinite(wanted) & np.isfinite(predicted)
    return wanted[known], predicted[known]


def residuals(key: str, wanted: Array, predicted: Array) -> str:
    """How often predictions are off by how much: a histogram of predicted − true."""
    wanted, predicted = _finite(wanted, predicted)
    errors = predicted - wanted

    def draw(axes: Axes) -> None:
        bins = min(40, max(8, round(errors.size**0.5)))
        axes.hist(errors, bins=bins, color=FIRST, edgecolor=PAPER, linewidth=0.8)
        axes.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.set_xlabel("predicted − true")
        axes.set_ylabel("values")
        axes.grid(axis="x", visible=False)

    return _chart(f"residuals-{key}", "Histogram of predicted minus true values", draw)


def speed(epochs: Sequence[int], seconds: Sequence[float]) -> str:
    """Seconds of each epoch."""

    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        axes.bar(epochs, seconds, color=FIRST, width=0.8)
        axes.set_xlabel("epoch")
        axes.set_ylabel("seconds")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", visible=False)

    return _chart("speed", "Seconds by epoch", draw)


def _chart(key: str, label: str, draw: Any) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {**_STYLE, "svg.hashsalt": key}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(4.8, 2.9), layout="constrained")
        draw(figure.add_subplot())
        buffer = io.BytesIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), re.sub(r"[^\w-]", "_", key), label)


def _inline(svg: bytes, prefix: str, label: str) -> str:
    """The drawing as an element for a page: no namespaces, no style sheet of its own, names that no other chart has."""
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {name.rpartition("}")[2]: _own(name, value, prefix) for name, value in element.attrib.items()}
    for unneeded in ("width", "height", "version"):
        root.attrib.pop(unneeded, None)
    root.attrib |= {"class": "chart", "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _own(name: str, value: str, prefix: str) -> str:
    local = name.rpartition("}")[2]
    if local == "id":
        return f"{prefix}-{value}"
    if local == "href":
        return value.replace("#", f"#{prefix}-")
    value = value.replace("url(#", f"url(#{prefix}-")
    for stand_in, variable in _VARIABLES.items():
        value = value.replace(stand_in, f"var(--{variable})")
    return re.sub(r"font: ([\d.]+px) [^;]*", r"font-size: \1", value)
