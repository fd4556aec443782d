"""Drawings of networks: a `Network` (plain data, kept as JSON with a run) becomes SVG, laid out by Graphviz.

Knows neither the compiler nor the runtime: `netwright show` draws what was just compiled, a report what a run kept.

    network   what a drawing shows, as data
    families  which layers share a colour
    fold      blocks opened or drawn as one box
    layout    where everything goes: the one place that knows Graphviz
    svg       boxes, lines and text
"""

from .errors import PicturesMissing
from .network import Layer, Network, Objective, Output, Port
from .svg import draw, to_svg

__all__ = ["Layer", "Network", "Objective", "Output", "PicturesMissing", "Port", "draw", "to_svg"]
