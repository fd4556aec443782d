"""Every spec of the model library does what its first line says; those of the lectures are in test_lectures_*.py."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime import predict
from netwright.runtime.data.fetch import missing_file
from support.figures import Figures
from support.requirements import missing
from support.trained import Compile, Train


def test_digits_mlp_reads_97_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    run = trained("digits_mlp")
    assert run.test("accuracy") >= 0.97
    assert run.summary.seconds < 60
    figures.add("digits_mlp", f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)


def test_digits_residual_reads_97_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    run = trained("digits_residual")
    assert run.test("accuracy") >= 0.97
    assert {"repeat1/0/unit1/residual1/dense1/weight", "repeat1/3/unit1/residual1/dense2/bias"} <= run.state.keys()
    figures.add("digits_residual", f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)


def test_digits_cnn_reads_98_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    run = trained("digits_cnn")
    assert run.test("accuracy") >= 0.98
    assert {"conv1/weight", "batch_norm2/running_mean", "batch_norm2/running_variance"} <= run.state.keys()
    figures.add("digits_cnn", f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)


@pytest.mark.timeout(1200)  # a minute on two free cores
def test_mnist_mlp_reads_98_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    if missing_file("mnist"):
        missing("MNIST", "netwright fetch mnist")
    run = trained("mnist_mlp")
    assert run.test("accuracy") >= 0.98
    figures.add("mnist_mlp", f"{run.test('accuracy'):.2%} of the test data right", run.summary.seconds)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_xor_mlp_learns_all_four_rows(trained: Train, figures: Figures, seed: int) -> None:
    run = trained("xor_mlp", seed=seed)
    assert run.final("accuracy") == 1.0
    probability = run.predict(bits=[[0, 0], [0, 1], [1, 0], [1, 1]])["probability"]
    np.testing.assert_allclose(probability[:, 0], [0, 1, 1, 0], atol=0.05)
    if seed == 0:
        figures.add("xor_mlp", "all four rows right", run.summary.seconds)


def test_linear_regression_finds_the_weights_the_data_were_made_with(trained: Train, figures: Figures) -> None:
    run = trained("linear_regression")
    np.testing.assert_allclose(run.state["line/weight"][:, 0], [2, -3.5, 1], atol=1e-3)
    np.testing.assert_allclose(run.state["line/bias"], [0.7], atol=1e-3)
    figures.add(
        "linear_regression", "weights and bias within 0.001 of those the data were made with", run.summary.seconds
    )


def test_perceptron_gives_sigmoid_of_minus_6(compiled: Compile, figures: Figures) -> None:
    y = predict(compiled("perceptron"), {"x": [[-1.0, 2.0]]})["y"]
    np.testing.assert_allclose(y, [[1 / (1 + np.exp(6))]], atol=1e-7)  # float32, near 0
    figures.add("perceptron", "σ(−6) ≈ 0.002 at (−1, 2)")


def test_sigmoid_mlp_gives_the_numbers_of_the_lecture(compiled: Compile, figures: Figures) -> None:
    outputs = predict(compiled("sigmoid_mlp"), {"x": [[1.0, -1.0], [0.0, 0.0]]})
    np.testing.assert_array_equal(np.round(outputs["after_first"][0], 2), np.float32([0.98, 0.12]))
    np.testing.assert_array_equal(np.round(outputs["y"], 2), np.float32([[0.62, 0.83], [0.51, 0.85]]))
    figures.add("sigmoid_mlp", "f(1, −1) = (0.62, 0.83), f(0, 0) = (0.51, 0.85)")
