"""Networks to draw, and drawings to read."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from netwright.pictures import Layer, Network, Output, Port

SVG = "{http://www.w3.org/2000/svg}"


def layer(name: str, *sources: str, kind: str = "dense", parameters: int = 0, detail: str = "") -> Layer:
    """A layer of four units."""
    return Layer(name, kind, "dense", detail, (4,), parameters, sources)


def blocks(count: int = 2) -> Network:
    """x → count times a block of two layers around a block of one, with a residual → head."""
    layers, before = [], "x"
    for number in range(1, count + 1):
        block = f"block{number}"
        layers += [
            layer(f"{block}/in", before, parameters=10),
            layer(f"{block}/inner/one", f"{block}/in", parameters=5),
            Layer(f"{block}/out", "add", "merge", "", (4,), 0, (f"{block}/inner/one", before)),
        ]
        before = f"{block}/out"
    layers.append(layer("head", before, parameters=20))
    return Network("blocks", (Port("x", "float32", (4,)),), tuple(layers), (Output("y", "head", (4,)),))


def groups(root: Element) -> dict[str, Element]:
    """The drawn boxes, inputs and outputs by what they tell a pointer that rests on them."""
    found = {}
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if title is not None:
            found[str(title.text)] = group
    return found
