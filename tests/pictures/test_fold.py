"""Blocks as frames and as single boxes."""

from __future__ import annotations

from drawn_networks import blocks, layer
from netwright.pictures import Network
from netwright.pictures.fold import ROOM, Frame, fold


def names(frame: Frame) -> dict[str, object]:
    """Frame name -> its boxes, and its frames the same way."""
    return {"boxes": [box.name for box in frame.boxes], **{inner.name: names(inner) for inner in frame.frames}}


def test_everything_is_open_when_it_fits() -> None:
    folded = fold(blocks(1))
    assert names(folded.root) == {
        "boxes": ["head"],
        "block1": {"boxes": ["block1/in", "block1/out"], "block1/inner": {"boxes": ["block1/inner/one"]}},
    }
    assert set(folded.lines) == {
        ("x", "block1/in"),
        ("block1/in", "block1/inner/one"),
        ("block1/inner/one", "block1/out"),
        ("x", "block1/out"),
        ("block1/out", "head"),
    }


def test_one_level() -> None:
    folded = fold(blocks(1), depth=1)
    assert names(folded.root) == {
        "boxes": ["head"],
        "block1": {"boxes": ["block1/in", "block1/inner", "block1/out"]},
    }
    assert folded.holder["block1/inner/one"] == "block1/inner"


def test_a_folded_block_is_one_box_with_what_its_layers_have_together() -> None:
    folded = fold(blocks(2), depth=0)
    assert names(folded.root) == {"boxes": ["block1", "block2", "head"]}
    box = folded.root.boxes[0]
    assert (box.kind, box.detail, box.parameters, box.layers, box.shape) == ("block1", "3 layers", 15, 3, (4,))
    assert folded.lines == (("x", "block1"), ("block1", "block2"), ("block2", "head"))


def test_blocks_stay_closed_where_too_much_would_come_of_opening_them() -> None:
    assert len(fold(blocks(ROOM)).root.all_boxes()) == ROOM + 1
    assert len(fold(blocks(7)).root.all_boxes()) == 3 * 7 + 1 <= ROOM


def test_the_layer_that_closes_a_block_is_drawn_in_it() -> None:
    layers = (layer("residual1/one", "x", parameters=3), layer("residual1", "residual1/one", "x", kind="add"))
    network = Network("n", (), layers, ())
    assert names(fold(network, depth=1).root) == {
        "boxes": [],
        "residual1": {"boxes": ["residual1/one", "residual1"]},
    }
    (box,) = fold(network, depth=0).root.boxes
    assert (box.name, box.detail, box.parameters, box.folded) == ("residual1", "2 layers", 3, True)


def test_frames_with_nothing_between_them_are_one() -> None:
    network = Network("n", (), tuple(layer(f"repeat1/{i}/unit1/{name}", "x") for i in (0, 1) for name in "ab"), ())
    (outer,) = fold(network, depth=3).root.frames
    assert [(frame.name, frame.title) for frame in outer.frames] == [
        ("repeat1/0/unit1", "0/unit1"),
        ("repeat1/1/unit1", "1/unit1"),
    ]
    assert outer.title == "repeat1"
    assert [box.kind for box in fold(network, depth=1).root.all_boxes()] == ["repeat1/0", "repeat1/1"]
