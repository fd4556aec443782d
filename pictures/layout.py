"""Where everything goes: Graphviz's `dot`, given sizes and connections, gives places.

It is told no text at all, so nothing that a spec says can reach its language, and it measures no font.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import PicturesMissing
from .fold import Frame

Point = tuple[float, float]
_INCH = 72.0


@dataclass(frozen=True)
class Line:
    """A connection: control points of cubic Bézier curves (3n + 1), and the tip of the arrow after the last of them."""

    tail: str
    head: str
    points: tuple[Point, ...]
    tip: Point


@dataclass(frozen=True)
class Placed:
    """A layout in pixels, y downwards. `nodes` holds centres, `frames` (left, top, right, bottom)."""

    width: float
    height: float
    nodes: Mapping[str, Point]
    frames: Mapping[str, tuple[float, float, float, float]]
    lines: tuple[Line, ...]


def place(
    sizes: Mapping[str, tuple[float, float]],
    lines: Sequence[tuple[str, str]],
    root: Frame,
    titles: Mapping[str, tuple[float, float]],
) -> Placed:
    """Lay out nodes of the given width and height from top to bottom, framed by block.

    `titles` gives the room for the title of each frame. Raises PicturesMissing without Graphviz.
    """
    try:
        import pygraphviz
    except ImportError:
        raise PicturesMissing from None
    ids = {name: f"n{number}" for number, name in enumerate(sizes)}
    source = _source(ids, sizes, lines, root, titles)
    drawn = pygraphviz.AGraph(string=source).draw(format="json0", prog="dot")
    return _read(json.loads(drawn), ids, _frame_ids(root))


def _frame_ids(root: Frame) -> dict[str, str]:
    """Frame name -> the name of its cluster."""
    pending, names = list(root.frames), []
    while pending:
        frame = pending.pop(0)
        names.append(frame.name)
        pending += frame.frames
    return {name: f"cluster_{number}" for number, name in enumerate(names)}


def _source(
    ids: Mapping[str, str],
    sizes: Mapping[str, tuple[float, float]],
    lines: Sequence[tuple[str, str]],
    root: Frame,
    titles: Mapping[str, tuple[float, float]],
) -> str:
    frames = _frame_ids(root)

    def framed(frame: Frame) -> Iterator[str]:
        yield from (f"{ids[box.name]};" for box in frame.boxes)
        for inner in frame.frames:
            room, high = titles[inner.name]
            yield f"subgraph {frames[inner.name]} {{ margin=14; labeljust=l;"
            yield f'label=<<table border="0" fixedsize="true" width="{room:.0f}" height="{high:.0f}">'
            yield "<tr><td></td></tr></table>>;"
            yield from framed(inner)
            yield "}"

    nodes = (
        f"{ids[name]} [width={width / _INCH:.4f}, height={height / _INCH:.4f}];"
        for name, (width, height) in sizes.items()
    )
    edges = (f"{ids[tail]} -> {ids[head]};" for tail, head in lines)
    settings = (
        "digraph {",
        "graph [rankdir=TB, nodesep=0.35, ranksep=0.42, splines=true];",
        'node [shape=box, fixedsize=true, label=""];',
        "edge [arrowsize=0.7];",
    )
    return "\n".join([*settings, *nodes, *framed(root), *edges, "}"])


def _read(layout: Mapping[str, Any], ids: Mapping[str, str], frames: Mapping[str, str]) -> Placed:
    _, _, width, height = _numbers(layout["bb"])

    def point(text: str) -> Point:
        x, y = _numbers(text)
        return x, height - y

    objects = layout.get("objects", [])
    by_id = {item["name"]: item for item in objects}
    numbered = {item["_gvid"]: item["name"] for item in objects}
    names = {node: name for name, node in ids.items()}
    corners = {name: _numbers(by_id[cluster]["bb"]) for name, cluster in frames.items()}
    lines = []
    for edge in layout.get("edges", []):
        tip, *points = edge["pos"].split(" ")  # "e,x,y x,y x,y …": the tip of the arrow comes first
        lines.append(
            Line(
                names[numbered[edge["tail"]]],
                names[numbered[edge["head"]]],
                tuple(map(point, points)),
                point(tip.removeprefix("e,")),
            )
        )
    return Placed(
        width,
        height,
        {name: point(by_id[node]["pos"]) for name, node in ids.items()},
        {name: (left, height - top, right, height - bottom) for name, (left, bottom, right, top) in corners.items()},
        tuple(lines),
    )


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def pairs(points: Sequence[Point]) -> Iterator[tuple[Point, Point, Point]]:
    """The control points after the first, three a curve."""
    rest = iter(points[1:])
    return zip(rest, rest, rest, strict=True)
