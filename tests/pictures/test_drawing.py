"""Drawings: well-formed, complete, readable on light and dark pages, nothing over the edge of its box."""

from __future__ import annotations

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from drawn_networks import SVG, blocks, groups, layer
from netwright.pictures import Layer, Network, Output, PicturesMissing, Port, to_svg
from netwright.pictures.families import PALETTE, family_of
from netwright.pictures.fold import fold
from netwright.pictures.layout import place
from netwright.pictures.svg import DARK, INK, MUTED, PAPER
from netwright.pictures.text import fit, width
from PIL import ImageFont

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
LONG = "a very long detail that has to be cut somewhere because no box is as wide as that"


def real_width(text: str, size: float, *, bold: bool = False) -> float:
    font = ImageFont.truetype(str(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), 100)
    return font.getlength(text) * size / 100


def test_every_layer_is_drawn_with_what_it_makes() -> None:
    root = ElementTree.fromstring(to_svg(blocks(2), depth=2))
    assert set(groups(root)) == {
        "input x: 4",
        "dense, block1/in, output 4, 10 parameters",
        "dense, block1/inner/one, output 4, 5 parameters",
        "add, block1/out, output 4, 0 parameters",
        "dense, block2/in, output 4, 10 parameters",
        "dense, block2/inner/one, output 4, 5 parameters",
        "add, block2/out, output 4, 0 parameters",
        "dense, head, output 4, 20 parameters",
        "output y: 4",
    }
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "block1 · 3 layers · 15 parameters" in texts
    assert "inner · 1 layer · 5 parameters" in texts
    assert len(root.findall(f".//{SVG}path[@class='nw-wire']")) == 10


def test_nothing_is_drawn_over_the_edge_of_its_box() -> None:
    network = Network(
        "wide",
        (Port("x_with_a_name_that_nobody_would_give_to_an_input", "uint8", (3, 1024, 1024)),),
        (
            Layer("a_rather_long_name", "multi_head_attention", "attention", LONG, ("time", 512), 12_345_678, ("x",)),
            Layer("b", "global_average_pooling_2d", "pooling", "", (16, 32, 32), 0, ("a_rather_long_name",)),
        ),
        (Output("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "b", (16,)),),
    )
    network = Network(
        network.name,
        (Port("x", "float32", (1,)), *network.inputs),
        network.layers,
        network.outputs,
    )
    for group in groups(ElementTree.fromstring(to_svg(network))).values():
        rectangle = group.findall(f"{SVG}rect")[-1]
        left = float(rectangle.attrib["x"])
        right = left + float(rectangle.attrib["width"])
        by_line: dict[str, list[tuple[float, float]]] = {}
        for text in group.iter(f"{SVG}text"):
            long = real_width(text.text or "", float(text.attrib["font-size"]), bold="font-weight" in text.attrib)
            x = float(text.attrib["x"])
            start = {"middle": x - long / 2, "end": x - long}.get(text.attrib.get("text-anchor", ""), x)
            by_line.setdefault(text.attrib["y"], []).append((start, start + long))
        for line in by_line.values():
            ends = [left, *(edge for span in sorted(line) for edge in span), right]
            assert ends == sorted(ends), ElementTree.tostring(group)


@pytest.mark.parametrize("text", ["dense", "layer_normalization", "16 × 32 × 32", "1,234,567 parameters", "WMQ @ x=3"])
def test_text_is_taken_for_at_least_as_wide_as_it_is(text: str) -> None:
    assert real_width(text, 11) <= width(text, 11) <= 1.25 * real_width(text, 11)
    assert real_width(text, 13, bold=True) <= width(text, 13, bold=True) * 1.01


def test_text_is_cut_to_the_room_there_is() -> None:
    assert fit("dense", 11, 100) == "dense"
    assert fit(LONG, 11, 100).endswith("…")
    assert width(fit(LONG, 11, 100), 11) <= 100
    assert fit("图" * 40, 11, 100) == "图" * 7 + "…"


def test_what_a_spec_says_cannot_leave_its_text() -> None:
    nasty = '</title><script>alert("1")</script>\x00\x1b'
    network = Network("x", (Port("x", "float32", (1,)),), (layer(nasty, "x", kind=nasty, detail=nasty),), ())
    root = ElementTree.fromstring(to_svg(network))
    assert not list(root.iter(f"{SVG}script"))
    assert any('<script>alert("1")</script>\N{REPLACEMENT CHARACTER}' in spoken for spoken in groups(root))


def test_layers_follow_what_they_read() -> None:
    folded = fold(blocks(1))
    sizes = dict.fromkeys(("x", *folded.holder), (100.0, 40.0))
    titles = dict.fromkeys(("block1", "block1/inner"), (50.0, 17.0))
    placed = place(sizes, folded.lines, folded.root, titles)
    for tail, head in folded.lines:
        assert placed.nodes[tail][1] < placed.nodes[head][1]
    left, top, right, bottom = placed.frames["block1"]
    x, y = placed.nodes["block1/in"]
    assert left < x - 50 < x + 50 < right
    assert top < y - 20 - 17 < y + 20 < bottom
    assert {(line.tail, line.head) for line in placed.lines} == set(folded.lines)
    for line in placed.lines:
        assert math.dist(line.tip, placed.nodes[line.head]) < 80
        assert len(line.points) % 3 == 1


def test_the_same_network_is_drawn_the_same() -> None:
    assert to_svg(blocks(2)) == to_svg(blocks(2))


def test_without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pygraphviz", None)
    with pytest.raises(PicturesMissing) as caught:
        to_svg(blocks(1))
    assert str(caught.value) == "drawing a network needs Graphviz, which is not installed"
    assert caught.value.hint == "install it with: pip install 'netwright[pictures]'"


@pytest.mark.parametrize(
    ("kind", "facts", "family"),
    [
        ("conv2d", (False, 1, 10), "convolution"),
        ("transposed_conv2d", (False, 1, 10), "convolution"),
        ("layer_norm", (False, 1, 10), "normalization"),
        ("max_pool2d", (False, 1, 0), "pooling"),
        ("gaussian_noise", (False, 1, 0), "random"),
        ("gru", (False, 1, 10), "recurrent"),
        ("gelu", (True, 1, 0), "activation"),
        ("of_another_package", (False, 2, 0), "merge"),
        ("of_another_package", (False, 1, 3), "dense"),
        ("of_another_package", (False, 1, 0), "shape"),
    ],
)
def test_every_kind_has_a_family(kind: str, facts: tuple[bool, int, int], family: str) -> None:
    is_activation, sources, parameters = facts
    assert family_of(kind, is_activation=is_activation, sources=sources, parameters=parameters) == family
    assert family in PALETTE


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(part, 16) / 255 for part in re.findall("[0-9a-f]{2}", color)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("family", PALETTE)
def test_text_can_be_read_on_every_box(family: str) -> None:
    colors = PALETTE[family]
    for text in (INK, MUTED):
        assert contrast(text, colors.fill) >= 4.5
    for text in (DARK["ink"], DARK["muted"]):
        assert contrast(text, colors.dark_fill) >= 4.5
    assert contrast(colors.line, PAPER) >= 2
    assert contrast(colors.dark_line, DARK["paper"]) >= 3
