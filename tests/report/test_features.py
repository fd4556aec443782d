"""Filters and feature maps of a convolutional run: right numbers, in the page and as files."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from netwright.runtime import UserError
from netwright.runtime.export import first_convolutions
from netwright.runtime.report import write_report
from netwright.runtime.report.features import firsts
from netwright.runtime.report.tiles import GAP, filters_png, maps_png
from onnx.reference import ReferenceEvaluator
from PIL import Image
from report_pages import Page, assert_offline

WHITE, RED, BLUE = (247, 246, 246), (103, 0, 31), (5, 48, 97)


def read(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_page_of_a_convolutional_network(convolutional_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(convolutional_run, tmp_path / "run")
    page = Page(write_report(run, device="cpu"))
    assert_offline(page)
    for expected in (
        "Filters and feature maps",
        "conv1: 16 filters of 3×3",
        "White stands for a weight of 0",
        "conv1: what it makes of 4 examples",
        "16 feature maps of 8×8 for each.",
        "conv2: what it makes of 4 examples",
        "32 feature maps of 4×4 for each.",
    ):
        assert expected in page.text, expected
    assert page.tags.count("img") == 12 + 1 + 2 * 4 * 2  # mistakes, filters, examples beside their maps
    assert sorted(path.name for path in (run / "pictures").iterdir()) == [
        "filters.png",
        *(f"maps-{layer}-{example}.png" for layer in (1, 2) for example in (1, 2, 3, 4)),
        "mistakes-1.png",
    ]
    with Image.open(run / "pictures" / "mistakes-1.png") as sheet:
        assert sheet.width > 1000


def test_of_a_convolution_over_every_step_the_maps_of_the_first_are_shown(video_run: Path, tmp_path: Path) -> None:
    page = Page(write_report(video_run, tmp_path / "page.html", device="cpu"))
    assert "time_distributed1/conv1: what it makes of 4 examples" in page.text
    assert "3 feature maps of 1×7 for each." in page.text
    steps = np.arange(8).reshape(8, 1, 1, 1)
    assert firsts(steps, 2).ravel().tolist() == [0, 4]
    assert firsts(steps, 8).shape == steps.shape


def test_no_convolutions_no_section(digits_run: Path, tmp_path: Path) -> None:
    page = Page(write_report(digits_run, tmp_path / "page.html", device="cpu"))
    assert "Filters and feature maps" not in page.text
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["mistakes-1.png"]


def test_tables_leave_no_pictures(line_run: Path, tmp_path: Path) -> None:
    write_report(line_run, tmp_path / "page.html", device="cpu")
    assert not (tmp_path / "pictures").exists()


def test_an_autoencoder_has_no_mistaken_classes(autoencoder_run: Path, tmp_path: Path) -> None:
    write_report(autoencoder_run, tmp_path / "page.html", device="cpu")
    assert not (tmp_path / "pictures").exists()


def test_maps_are_the_values_of_the_whole_model(convolutional_run: Path) -> None:
    """Batch normalization folded into the weights, ReLU after it; ONNX's reference evaluator runs the whole model."""
    path = convolutional_run / "bundle" / "inference.onnx"
    content, (first, second) = first_convolutions(path, 2)
    assert (first.layer, second.layer) == ("conv1", "conv2")
    model = onnx.load(path)
    weights = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    np.testing.assert_array_equal(first.weight, weights["conv1/weight"])
    np.testing.assert_array_equal(second.weight, weights["conv2/weight"])
    image = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run([first.maps, second.maps], {"image": image})
    activated = [node.output[0] for node in model.graph.node if node.op_type == "Relu"][:2]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in activated)
    reference = ReferenceEvaluator(model).run(activated, {"image": image})
    for ours, theirs in zip(found, reference, strict=True):
        assert ours.min() == 0 < ours.max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_model_is_cut_off(convolutional_run: Path, digits_run: Path) -> None:
    path = convolutional_run / "bundle" / "inference.onnx"
    content, (first,) = first_convolutions(path, 1)
    graph = onnx.load_from_string(content).graph
    assert [output.name for output in graph.output] == [first.maps]
    assert [node.op_type for node in graph.node].count("Conv") == 1
    assert not any(item.name.startswith(("conv2", "logits")) for item in graph.initializer)
    assert first_convolutions(digits_run / "bundle" / "inference.onnx", 2)[1] == []


def test_convolutions_of_no_model(tmp_path: Path) -> None:
    (tmp_path / "inference.onnx").write_bytes(b"\xff\xff")
    with pytest.raises(UserError) as caught:
        first_convolutions(tmp_path / "inference.onnx", 1)
    assert str(caught.value).startswith(f"{tmp_path / 'inference.onnx'}: not a model that can be read: ")
    assert caught.value.hint == "compile the spec again"


def test_filters_in_grey_are_red_white_and_blue() -> None:
    weight = np.zeros((3, 1, 2, 2))
    weight[0, 0, 0, 0], weight[1, 0, 1, 1] = 2, -2
    picture = read(filters_png(weight, columns=2))
    side = 40
    assert picture.shape == (2 * side + GAP, 2 * side + GAP, 4)
    assert tuple(picture[0, 0, :3]) == RED
    assert tuple(picture[side - 1, 2 * side + GAP - 1, :3]) == BLUE
    np.testing.assert_allclose(picture[0, side - 1, :3], WHITE, atol=1)
    assert picture[0, side, 3] == 0  # a gap
    assert picture[-1, -1, 3] == 0  # no fourth filter


def test_filters_in_colours_and_of_many_channels() -> None:
    weight = np.zeros((1, 3, 20, 20))
    weight[0, 0] = 1
    picture = read(filters_png(weight))
    assert picture.shape == (40, 40, 4)
    assert (picture == (255, 128, 128, 255)).all()
    assert read(filters_png(np.ones((2, 12, 50, 40)))).shape == (2 * 50 + GAP, 8 * 40 + 7 * GAP, 4)


def test_maps_share_one_scale() -> None:
    maps = np.stack([np.full((40, 40), value) for value in (0.0, 1.0, 4.0)])
    picture = read(maps_png(maps))
    brightness = [int(picture[0, place * (40 + GAP), :3].sum()) for place in range(3)]
    assert brightness[0] < brightness[1] < brightness[2]
    assert len(np.unique(read(maps_png(np.zeros((2, 40, 40))))[..., 0])) <= 2
