"""Every spec of the model library does what its first line says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from netwright.cli.library import LIBRARY, library
from netwright.compiler import compile_spec, load_spec
from netwright.runtime import Summary, predict, train
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.data import source_schema
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.data.plan import training_rows
from support.requirements import missing

Compile = Callable[..., Path]


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """Compile a library spec, with changes, and return the bundle's folder."""

    def compile_it(name: str, *overrides: str) -> Path:
        spec = load_spec(library()[name].path, data_schema=source_schema(), overrides=overrides)
        data = {"source": spec.data.source, "split": vars(spec.data.split)} if spec.data else None
        compile_spec(spec, train_rows=training_rows(data, LIBRARY) if data else None).write(tmp_path / "bundle")
        return tmp_path / "bundle"

    return compile_it


def trained(bundle: Path, seed: int = 0) -> Summary:
    return train(bundle, bundle.parent / f"run{seed}", seed=seed)


def test_digits_mlp_reads_97_percent_of_the_test_digits(compiled: Compile) -> None:
    summary = trained(compiled("digits_mlp"))
    assert summary.test is not None
    assert isinstance(summary.test["accuracy"], float)
    assert summary.test["accuracy"] >= 0.97
    assert summary.seconds < 60


@pytest.mark.timeout(1200)  # a minute on two free cores
def test_mnist_mlp_reads_98_percent_of_the_test_digits(compiled: Compile) -> None:
    if missing_file("mnist"):
        missing("MNIST", "netwright fetch mnist")
    summary = trained(compiled("mnist_mlp"))
    assert summary.test is not None
    assert isinstance(summary.test["accuracy"], float)
    assert summary.test["accuracy"] >= 0.98


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_xor_mlp_learns_all_four_rows(compiled: Compile, seed: int) -> None:
    bundle = compiled("xor_mlp")
    assert trained(bundle, seed).train["accuracy"] == 1.0
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    probability = predict(bundle.parent / f"run{seed}", {"bits": bits})["probability"]
    np.testing.assert_allclose(probability[:, 0], [0, 1, 1, 0], atol=0.05)


def test_linear_regression_finds_the_weights_the_data_were_made_with(compiled: Compile) -> None:
    bundle = compiled("linear_regression")
    trained(bundle)
    state = load_checkpoint(bundle.parent / "run0" / "checkpoints" / "last.safetensors").state
    np.testing.assert_allclose(state["line/weight"][:, 0], [2, -3.5, 1], atol=1e-3)
    np.testing.assert_allclose(state["line/bias"], [0.7], atol=1e-3)


def test_perceptron_gives_sigmoid_of_minus_6(compiled: Compile) -> None:
    y = predict(compiled("perceptron"), {"x": [[-1.0, 2.0]]})["y"]
    np.testing.assert_allclose(y, [[1 / (1 + np.exp(6))]], atol=1e-7)  # float32, near 0


def test_sigmoid_mlp_gives_the_numbers_of_the_lecture(compiled: Compile) -> None:
    outputs = predict(compiled("sigmoid_mlp"), {"x": [[1.0, -1.0], [0.0, 0.0]]})
    np.testing.assert_array_equal(np.round(outputs["after_first"][0], 2), np.array([0.98, 0.12], np.float32))
    np.testing.assert_array_equal(np.round(outputs["y"], 2), np.array([[0.62, 0.83], [0.51, 0.85]], np.float32))
