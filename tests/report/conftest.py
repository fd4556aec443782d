"""Runs that train in a moment, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from netwright.cli.main import app

AUTOENCODER = """
netwright: 1
name: autoencoder
inputs: {image: [8, 8]}
network:
  - flatten
  - dense: {units: 8, activation: relu}
  - dense: {units: 64, activation: sigmoid}
  - reshape: {shape: [8, 8]}
training:
  loss: {squared_error: {target: image}}
  epochs: 1
data: {source: digits, split: {test: 0.1}}
"""

VIDEO = """
netwright: 1
name: video
inputs: {image: [8, 8]}
network:
  - reshape: [4, 1, 2, 8]
  - time_distributed: [{conv: {filters: 3, kernel_size: 2}}, flatten]
  - flatten
  - dense: {units: 10, name: logits}
outputs: {probabilities: {softmax: {from: logits}}}
training: {loss: {categorical_cross_entropy: {from: logits}}, epochs: 1}
data: {source: digits, split: {test: 0.1}}
"""


def train(folder: Path, *arguments: object) -> Path:
    run = folder / "run"
    command = ["train", *map(str, arguments), "-o", str(run), "--device", "cpu"]
    result = CliRunner().invoke(app, command, prog_name="netwright", catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = ("training.epochs=2", "training.metrics=[accuracy, confusion_matrix]")
    return train(tmp_path_factory.mktemp("digits"), "digits_mlp", *(x for s in settings for x in ("--set", s)))


@pytest.fixture(scope="session")
def line_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("line"), "linear_regression", "--set", "training.epochs=2")


@pytest.fixture(scope="session")
def autoencoder_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("autoencoder")
    (folder / "autoencoder.yaml").write_text(AUTOENCODER, encoding="utf-8")
    return train(folder, folder / "autoencoder.yaml")


@pytest.fixture(scope="session")
def xor_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("xor"), "xor_mlp", "--set", "training.epochs=1")


@pytest.fixture(scope="session")
def convolutional_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("convolutional"), "digits_cnn", "--set", "training.epochs=1")


@pytest.fixture(scope="session")
def video_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    (folder / "video.yaml").write_text(VIDEO, encoding="utf-8")
    return train(folder, folder / "video.yaml")
