"""Blocks: the part of a layer's name before the last `/`. Down to a depth they are frames, below it one box each.

A layer may have the name of a block: the `add` that closes the block `residual1`. It is drawn inside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .network import Layer, Network, Shape, count_text

ROOM = 24
"""Boxes that still make a drawing one takes in at a glance; blocks are opened as long as no more come of it."""


@dataclass(frozen=True)
class Box:
    """A layer, or a whole block drawn as one. `layers` counts what it stands for."""

    name: str
    kind: str
    family: str
    detail: str
    shape: Shape
    parameters: int
    layers: int = 1

    @property
    def folded(self) -> bool:
        return self.family == "block"


@dataclass
class Frame:
    """An open block: the boxes and frames in it. The outermost frame has no name.

    `title` is the name without that of the frame around it.
    """

    name: str = ""
    title: str = ""
    boxes: list[Box] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    def all_boxes(self) -> list[Box]:
        """Those of the frame and of every frame in it."""
        return self.boxes + [box for frame in self.frames for box in frame.all_boxes()]


@dataclass(frozen=True)
class Folded:
    """A network ready to be laid out. `lines` joins names of inputs and boxes; `holder` says which box has a layer."""

    root: Frame
    lines: tuple[tuple[str, str], ...]
    holder: dict[str, str]


def fold(network: Network, depth: int | None = None) -> Folded:
    """Open `depth` levels of blocks; None opens as many as leave at most `ROOM` boxes."""
    if depth is not None:
        return _fold(network, depth)
    deepest = max((layer.name.count("/") for layer in network.layers), default=0)
    for candidate in range(deepest, 0, -1):
        folded = _fold(network, candidate)
        if len(folded.root.all_boxes()) <= ROOM:
            return folded
    return _fold(network, 0)


def _fold(network: Network, depth: int) -> Folded:
    members: dict[str, list[Layer]] = {}
    for layer in network.layers:
        members.setdefault(_holder(layer.name, depth), []).append(layer)
    root = Frame()
    frames: dict[str, Frame] = {"": root}
    for name in members:
        _frame(name.rpartition("/")[0], frames)
    for name, layers in members.items():
        home = name if name in frames else name.rpartition("/")[0]
        frames[home].boxes.append(_box(name, layers))
    _join(root)
    holder = {layer.name: name for name, layers in members.items() for layer in layers}
    lines = {
        (holder.get(source, source), holder[layer.name]): None
        for layer in network.layers
        for source in layer.sources
        if holder.get(source, source) != holder[layer.name]
    }
    return Folded(root, tuple(lines), holder)


def _holder(name: str, depth: int) -> str:
    """The name of the box that a layer is drawn in: its own, or that of the block which is folded."""
    parts = name.split("/")
    return name if len(parts) - 1 <= depth else "/".join(parts[: depth + 1])


def _frame(name: str, frames: dict[str, Frame]) -> Frame:
    if name not in frames:
        frames[name] = Frame(name)
        _frame(name.rpartition("/")[0], frames).frames.append(frames[name])
    return frames[name]


def _box(name: str, layers: list[Layer]) -> Box:
    last = layers[-1]
    if [layer.name for layer in layers] == [name]:
        return Box(name, last.kind, last.family, last.detail, last.shape, last.parameters)
    parameters = sum(layer.parameters for layer in layers)
    detail = count_text(len(layers), "layer")
    return Box(name, _title(name), "block", detail, last.shape, parameters, len(layers))


def _title(name: str) -> str:
    """The last part of a block's name, or `repeat1/0` where that is only a number."""
    before, _, last = name.rpartition("/")
    return f"{before.rpartition('/')[2]}/{last}" if last.isdigit() and before else last


def _join(frame: Frame) -> None:
    """A frame with nothing but another frame in it is drawn as one."""
    for index, inner in enumerate(frame.frames):
        while not inner.boxes and len(inner.frames) == 1:
            inner = inner.frames[0]  # noqa: PLW2901
        inner.title = inner.name.removeprefix(f"{frame.name}/")
        frame.frames[index] = inner
        _join(inner)
