"""Inputs that training draws: no input of the graphs that train, new in each step, and an input of `inference.onnx`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import load_spec_text
from netwright.runtime import Predictor, UserError, load_bundle, predict, train
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.exchange import read_features
from netwright.runtime.data.plan import Partitions
from netwright.runtime.device import select
from support.adversaries import adversaries, drawn, real, written
from support.bundles import Program, Tensors, first_state, next_state, read_manifest

SEEN = """\
netwright: 1
inputs:
  x: [2]
  noise: {shape: [2, 3], drawn: %s}
network:
  - flatten: {from: noise}
  - dense: {units: 1, name: y}
training:
  loss: {squared_error: {target: 0, from: y}}
  optimizer: {sgd: {learning_rate: 0.1}}
"""
"""The gradient of the bias is twice the mean of y, which shows what was drawn."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(adversaries(), tmp_path_factory.mktemp("adversaries"))


def test_who_takes_a_drawn_input(folder: Path) -> None:
    graphs = {path.stem: Program(path).inputs for path in folder.rglob("*.onnx")}
    assert graphs["inference"] == ["latent"]
    for graph in ("step", "evaluate", "gradients"):
        assert "x" in graphs[graph]
        assert "latent" not in graphs[graph]
    assert read_manifest(folder)["features"] == [
        {"name": "x", "dtype": "float32", "shape": [6], "column": "x"},
        {"name": "latent", "dtype": "float32", "shape": [4], "column": None, "drawn": "normal"},
    ]


def gradient_of_bias(folder: Path, state: Tensors, rows: int) -> float:
    batch = {"x": np.zeros((rows, 2), np.float32)}
    return float(Program(folder / "training/gradients.onnx")({**batch, **state})["y/bias.gradient"].item())


def test_a_step_draws_by_its_counter(tmp_path: Path) -> None:
    folder = written(load_spec_text(SEEN % "normal"), tmp_path)
    state = first_state(folder)
    for counter in (state["random_counter"], np.int64(7)):
        noise = drawn("noise", counter, 5, 6)
        expected = 2 * (noise @ state["y/weight"]).mean()
        found = gradient_of_bias(folder, {**state, "random_counter": counter}, 5)
        assert found == pytest.approx(float(expected), rel=1e-5)
    again = gradient_of_bias(folder, state, 5)
    assert again == gradient_of_bias(folder, state, 5)
    assert again != gradient_of_bias(folder, {**state, "random_counter": state["random_counter"] + 1}, 5)


@pytest.mark.parametrize(("kind", "square"), [("normal", 1.0), ("uniform", 1 / 3)])
def test_the_distributions(kind: str, square: float, tmp_path: Path) -> None:
    """With one weight of 1 the loss is the mean square of an element, and half the gradient of the bias its mean."""
    folder = written(load_spec_text(SEEN % kind), tmp_path)
    state = first_state(folder)
    gradients = Program(folder / "training/gradients.onnx")
    batch = {"x": np.zeros((20_000, 2), np.float32)}
    for element in range(6):
        weight = np.zeros((6, 1), np.float32)
        weight[element] = 1
        found = gradients({**batch, **state, "y/weight": weight})
        assert found["loss"] == pytest.approx(square, rel=0.03)
        assert found["y/bias.gradient"].item() / 2 == pytest.approx(0, abs=0.03)


def test_evaluation_draws_the_same_every_time(folder: Path) -> None:
    evaluate, state = Program(folder / "training/evaluate.onnx"), first_state(folder)
    batch = real(8, seed=0)
    one, again = evaluate({**batch, **state}), evaluate({**batch, **state})
    for name, value in one.items():
        np.testing.assert_array_equal(again[name], value)


def test_a_run_needs_no_column_for_it_and_predicts_with_it(folder: Path, tmp_path: Path) -> None:
    rows = ArrayColumns({name: np.concatenate([real(64, seed)[name] for seed in range(4)]) for name in ("x",)})
    summary = train(folder, tmp_path / "run", partitions=Partitions(rows, None, None))
    assert {"loss", "discriminator.loss", "generator.loss"} <= summary.train.keys()
    latent = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    made = predict(tmp_path / "run", {"latent": latent})["made"]
    assert made.shape == (5, 6)
    both = predict(tmp_path / "run", {"latent": latent, "x": latent})  # a file may hold what only training reads
    np.testing.assert_array_equal(both["made"], made)
    bundle = load_bundle(folder)
    with pytest.raises(UserError) as caught:
        Predictor(bundle, select("cpu")).predict({"x": latent})
    assert (str(caught.value), caught.value.hint) == ("the feature 'latent' is missing", "the model takes 'latent'")


def test_the_loop_of_an_app_trains(folder: Path) -> None:
    """docs/bundle.md's loop as it is: the state goes round, the batch holds what the data give."""
    step, state = Program(folder / "training/step.onnx"), first_state(folder)
    losses = []
    for seed in range(30):
        out = step({**real(64, seed), **state})
        state = next_state(out)
        losses.append(float(out["discriminator.loss"]))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_a_file_to_predict_from_has_it(folder: Path, tmp_path: Path) -> None:
    """It is no column of the data, but a feature of `inference.onnx` as any other."""
    latent = np.ones((2, 4), np.float32)
    np.savez(tmp_path / "features.npz", latent=latent)
    features = [dataclasses.asdict(field) for field in load_bundle(folder).manifest.inference_features]
    read = read_features(tmp_path / "features.npz", features)
    np.testing.assert_array_equal(read.take(slice(None))["latent"], latent)
