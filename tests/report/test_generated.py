"""What a model makes of random numbers: in the page, and as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import train
from netwright.runtime.data import source_schema
from netwright.runtime.manifest import Field
from netwright.runtime.report import write_report
from netwright.runtime.report.inference import drawn
from netwright.runtime.report.tiles import GAP
from PIL import Image
from report_pages import Page, assert_offline

GENERATOR = """\
netwright: 1
name: digits_gan
inputs:
  image: [8, 8]
  latent: {shape: [4], drawn: normal}
network:
  - sequence: {name: generator, from: latent, layers: [{dense: 64}, sigmoid, {reshape: [8, 8]}]}
  - sequence: {name: discriminator, from: image, layers: [flatten, {dense: 1}]}
  - shared: {layer: discriminator, from: generator, name: judged}
outputs: {images: generator, numbers: {flatten: {from: generator}}}
training:
  objectives:
    discriminator:
      trains: discriminator/*
      loss: [{binary_cross_entropy: {target: 1, from: discriminator}}, {binary_cross_entropy: {target: 0}}]
    generator: {trains: generator/*, loss: {binary_cross_entropy: {target: 1}}}
  epochs: 1
data: {source: digits}
"""
DENOISER = """\
netwright: 1
name: denoiser
inputs:
  image: [8, 8]
  noise: {shape: [8, 8], drawn: uniform}
network:
  noisy: image + 0.1 * noise
  clean: {sequence: {from: noisy, layers: [flatten, {dense: 64}, {reshape: [8, 8]}]}}
training:
  loss: {squared_error: {target: image}}
  epochs: 1
data: {source: digits}
"""


def run_of(spec: str, folder: Path) -> Path:
    compile_spec(load_spec_text(spec, data_schema=source_schema())).write(folder / "bundle")
    train(folder / "bundle", folder / "run", base=folder)
    return folder / "run"


def test_pictures_of_random_numbers(tmp_path: Path) -> None:
    run = run_of(GENERATOR, tmp_path)
    page = Page(write_report(run, device="cpu"))
    assert_offline(page)
    assert "What it makes of random numbers" in page.text
    assert "images: 64 of them" in page.text
    assert [path.name for path in (run / "pictures").iterdir()] == ["generated-1.png"]
    with Image.open(run / "pictures" / "generated-1.png") as sheet:
        assert sheet.size == (16 * (40 + GAP) - GAP, 4 * (40 + GAP) - GAP)


def test_pictures_of_data_and_random_numbers(tmp_path: Path) -> None:
    """An input that is drawn beside one of the data; the answers are compared as those of any other model."""
    run = run_of(DENOISER, tmp_path)
    page = Page(write_report(run, device="cpu"))
    assert "output: 64 of them" in page.text
    assert "noise" in page.text
    assert (run / "pictures" / "generated-1.png").is_file()


@pytest.mark.parametrize(("kind", "most"), [("normal", 5.0), ("uniform", 1.0)])
def test_what_a_report_draws(kind: str, most: float) -> None:
    features = [Field("x", "float32", (3,)), Field("z", "float32", (2, 4), drawn=kind)]
    (name, numbers), *others = drawn(features, 500).items()
    assert (name, others) == ("z", [])
    assert (numbers.shape, numbers.dtype) == ((500, 2, 4), np.float32)
    assert abs(numbers).max() <= most
    assert numbers.std() == pytest.approx({"normal": 1.0, "uniform": 3**-0.5}[kind], rel=0.05)
    np.testing.assert_array_equal(drawn(features, 500)["z"], numbers)
