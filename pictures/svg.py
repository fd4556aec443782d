"""The drawing itself: boxes, lines and text as SVG, on a light page and on a dark one.

Colours are attributes, which every program that shows SVG knows; on a dark page a style sheet replaces them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .families import PALETTE
from .fold import Box, Folded, Frame, fold
from .layout import Line, Placed, pairs, place
from .network import Network, Port, count_text, shape_text
from .text import fit, printable, width

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
PAPER, INK, MUTED, WIRE, END = "#ffffff", "#1c2128", "#59626e", "#8a93a0", "#f7f8fa"
DARK = {"paper": "#16191d", "ink": "#e8eaed", "muted": "#a9b1bc", "wire": "#79828e", "end": "#1f2329"}

TITLE, SMALL = 13.0, 11.0
LINE_HEIGHT, PADDING, GAP, MARGIN = 17.0, 10.0, 10.0, 16.0
LEAST, MOST = 132.0, 300.0
"""Pixels: widths of a box."""


def to_svg(network: Network, depth: int | None = None) -> str:
    """The drawing as the text of an SVG file, with `depth` levels of blocks opened (None: as many as fit).

    Raises PicturesMissing without Graphviz.
    """
    root = draw(network, depth)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def draw(network: Network, depth: int | None = None) -> Element:
    """The drawing as an `svg` element that can stand in a page of HTML. Raises PicturesMissing without Graphviz."""
    folded = fold(network, depth)
    return _Drawing(network, folded).element()


class _Drawing:
    def __init__(self, network: Network, folded: Folded) -> None:
        self.network = network
        self.folded = folded
        self.boxes = {box.name: box for box in folded.root.all_boxes()}
        self.inputs = {port.name: port for port in network.inputs}
        self.outputs = {f"output {number}": output for number, output in enumerate(network.outputs)}

    def element(self) -> Element:
        sizes = {
            **{name: _end_size(port.name, _port_text(port)) for name, port in self.inputs.items()},
            **{name: _box_size(box) for name, box in self.boxes.items()},
            **{key: _end_size(output.name, shape_text(output.shape)) for key, output in self.outputs.items()},
        }
        returned = [(self.folded.holder.get(output.source, output.source), key) for key, output in self.outputs.items()]
        frames = list(_frames(self.folded.root))
        titles = {frame.name: (width(_frame_title(frame), SMALL) + 2 * PADDING, LINE_HEIGHT) for frame in frames}
        placed = place(sizes, [*self.folded.lines, *returned], self.folded.root, titles)
        root = self._root(placed)
        canvas = SubElement(root, "g", transform=f"translate({MARGIN:g} {MARGIN:g})")
        for line in placed.lines:
            _draw_line(canvas, line)
        for frame in frames:
            _draw_frame(canvas, frame, placed.frames[frame.name])
        for name, port in self.inputs.items():
            _draw_end(canvas, placed.nodes[name], sizes[name], port.name, _port_text(port), "input")
        for name, box in self.boxes.items():
            _draw_box(canvas, placed.nodes[name], sizes[name], box)
        for key, output in self.outputs.items():
            text = shape_text(output.shape)
            _draw_end(canvas, placed.nodes[key], sizes[key], output.name, text, "output")
        return root

    def _root(self, placed: Placed) -> Element:
        wide, high = math.ceil(placed.width + 2 * MARGIN), math.ceil(placed.height + 2 * MARGIN)
        root = Element(
            "svg",
            {
                "class": "nw-network",
                "width": str(wide),
                "height": str(high),
                "viewBox": f"0 0 {wide} {high}",
                "font-family": FONT,
                "role": "img",
                "aria-label": f"The network {self.network.name}",
            },
        )
        SubElement(root, "style").text = style_sheet()
        SubElement(
            root, "rect", {"class": "nw-paper", "width": str(wide), "height": str(high), "rx": "8", "fill": PAPER}
        )
        return root


def style_sheet() -> str:
    """What a dark page changes."""
    rules = [
        f".nw-paper {{ fill: {DARK['paper']} }}",
        f".nw-halo {{ stroke: {DARK['paper']} }}",
        f".nw-ink {{ fill: {DARK['ink']} }}",
        f".nw-muted {{ fill: {DARK['muted']} }}",
        f".nw-wire {{ stroke: {DARK['wire']} }}",
        f".nw-tip {{ fill: {DARK['wire']} }}",
        f".nw-end {{ fill: {DARK['end']}; stroke: {DARK['muted']} }}",
        f".nw-frame {{ stroke: {DARK['wire']} }}",
    ]
    rules += [f".nw-{name} {{ fill: {c.dark_fill}; stroke: {c.dark_line} }}" for name, c in PALETTE.items()]
    return "@media (prefers-color-scheme: dark) { " + " ".join(rules) + " }"


# --- sizes ------------------------------------------------------------------------------------------------------------


def _box_lines(box: Box) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """What the title says at its left and right, and the lines below it the same way."""
    short = box.name.rpartition("/")[2]
    title = (box.kind, "" if box.folded or short == box.kind else short)
    parameters = count_text(box.parameters, "parameter") if box.parameters else ""
    below = [(box.detail, "")] if box.detail else []
    return title, [*below, (f"→ {shape_text(box.shape)}", parameters)]


def _box_size(box: Box) -> tuple[float, float]:
    (kind, name), below = _box_lines(box)
    rows = [width(kind, TITLE, bold=True) + width(name, SMALL), *(width(a, SMALL) + width(b, SMALL) for a, b in below)]
    wide = min(max(LEAST, max(rows) + GAP + 2 * PADDING + 1), MOST)
    return wide, LINE_HEIGHT * (1 + len(below)) + 2 * PADDING - 4


def _end_size(name: str, text: str) -> tuple[float, float]:
    wide = max(width(name, TITLE, bold=True), width(text, SMALL)) + 3.2 * PADDING
    return min(max(LEAST * 0.75, wide), MOST), 2 * LINE_HEIGHT + 10


def _port_text(port: Port) -> str:
    return shape_text(port.shape) if port.dtype == "float32" else f"{shape_text(port.shape)}, {port.dtype}"


def _frames(root: Frame) -> Iterable[Frame]:
    """Every frame, the outer ones first."""
    for frame in root.frames:
        yield frame
        yield from _frames(frame)


def _frame_title(frame: Frame) -> str:
    boxes = frame.all_boxes()
    parameters = sum(box.parameters for box in boxes)
    title = f"{frame.title} · {count_text(sum(box.layers for box in boxes), 'layer')}"
    return f"{title} · {count_text(parameters, 'parameter')}" if parameters else title


# --- drawing ----------------------------------------------------------------------------------------------------------


def _draw_frame(canvas: Element, frame: Frame, corners: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = corners
    SubElement(
        canvas,
        "rect",
        {
            "class": "nw-frame",
            **_rectangle(left, top, right - left, bottom - top, 10),
            "fill": "none",
            "stroke": WIRE,
            "stroke-dasharray": "4 3",
        },
    )
    title = fit(_frame_title(frame), SMALL, right - left - 16)
    text = _text(canvas, left + 12, top + 19, title, SMALL, "muted")
    text.attrib |= {  # lines that cross it pass behind
        "class": "nw-muted nw-halo",
        "stroke": PAPER,
        "stroke-width": "5",
        "stroke-linejoin": "round",
        "paint-order": "stroke",
    }


def _draw_line(canvas: Element, line: Line) -> None:
    start, end, tip = line.points[0], line.points[-1], line.tip
    curves = " ".join(f"C {_xy(a)} {_xy(b)} {_xy(c)}" for a, b, c in pairs(line.points))
    SubElement(
        canvas,
        "path",
        {
            "class": "nw-wire",
            "d": f"M {_xy(start)} {curves}",
            "fill": "none",
            "stroke": WIRE,
            "stroke-width": "1.4",
        },
    )
    length = math.dist(end, tip) or 1.0
    aside = 3.2 * (tip[1] - end[1]) / length, -3.2 * (tip[0] - end[0]) / length
    left, right = (end[0] + aside[0], end[1] + aside[1]), (end[0] - aside[0], end[1] - aside[1])
    SubElement(canvas, "path", {"class": "nw-tip", "d": f"M {_xy(left)} L {_xy(tip)} L {_xy(right)} Z", "fill": WIRE})


def _draw_box(canvas: Element, centre: tuple[float, float], size: tuple[float, float], box: Box) -> None:
    (wide, high), colors = size, PALETTE[box.family]
    left, top = centre[0] - wide / 2, centre[1] - high / 2
    title, below = _box_lines(box)
    group = SubElement(canvas, "g")
    SubElement(group, "title").text = _spoken(box)
    paint = {"class": f"nw-{box.family}", "fill": colors.fill, "stroke": colors.line, "stroke-width": "1.2"}
    for shift in (6, 3) if box.folded else ():  # a pile of sheets: there is more below
        SubElement(group, "rect", {**paint, **_rectangle(left + shift, top + shift, wide, high, 7)})
    SubElement(group, "rect", {**paint, **_rectangle(left, top, wide, high, 7)})
    inner = wide - 2 * PADDING
    y = top + PADDING + 11
    kind = fit(title[0], TITLE, inner, bold=True)
    _text(group, left + PADDING, y, kind, TITLE, "ink", weight="600")
    _text_right(group, left + wide - PADDING, y, title[1], inner - width(kind, TITLE, bold=True) - GAP)
    for a, b in below:
        y += LINE_HEIGHT
        shown = fit(a, SMALL, inner - (width(b, SMALL) + GAP if b else 0))
        _text(group, left + PADDING, y, shown, SMALL, "ink")
        _text_right(group, left + wide - PADDING, y, b, inner)


def _draw_end(
    canvas: Element, centre: tuple[float, float], size: tuple[float, float], name: str, text: str, role: str
) -> None:
    """An input or an output: a stadium."""
    (wide, high), (x, y) = size, centre
    group = SubElement(canvas, "g")
    SubElement(group, "title").text = f"{role} {printable(name)}: {text}"
    SubElement(
        group,
        "rect",
        {
            "class": "nw-end",
            **_rectangle(x - wide / 2, y - high / 2, wide, high, high / 2),
            "fill": END,
            "stroke": MUTED,
            "stroke-width": "1.2",
        },
    )
    inner = wide - 2 * PADDING
    _text(group, x, y - 3, fit(name, TITLE, inner, bold=True), TITLE, "ink", weight="600", anchor="middle")
    _text(group, x, y + 13, fit(text, SMALL, inner), SMALL, "muted", anchor="middle")


def _spoken(box: Box) -> str:
    """What a pointer resting on the box, or a screen reader, is told: nothing is cut here."""
    parts = [box.kind, box.name, box.detail, f"output {shape_text(box.shape)}", count_text(box.parameters, "parameter")]
    return printable(", ".join(part for part in parts if part))


def _text_right(parent: Element, x: float, y: float, text: str, room: float) -> None:
    shown = fit(text, SMALL, room)
    if shown not in ("", "…"):
        _text(parent, x, y, shown, SMALL, "muted", anchor="end")


def _text(
    parent: Element, x: float, y: float, text: str, size: float, tone: str, *, weight: str = "", anchor: str = ""
) -> Element:
    attributes = {"class": f"nw-{tone}", "x": f"{x:.1f}", "y": f"{y:.1f}", "font-size": f"{size:g}"}
    attributes["fill"] = INK if tone == "ink" else MUTED
    if weight:
        attributes["font-weight"] = weight
    if anchor:
        attributes["text-anchor"] = anchor
    element = SubElement(parent, "text", attributes)
    element.text = text
    return element


def _rectangle(x: float, y: float, wide: float, high: float, radius: float) -> dict[str, str]:
    return {
        "x": f"{x:.1f}",
        "y": f"{y:.1f}",
        "width": f"{wide:.1f}",
        "height": f"{high:.1f}",
        "rx": f"{radius:g}",
    }


def _xy(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
