"""Lecture specs that predict numbers: ridge, lasso, the sine, and how sure a network is."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir import Array
from support.figures import Figures
from support.trained import Train, Trained

linear_model = pytest.importorskip("sklearn.linear_model")


def standardized(run: Trained) -> tuple[Array, Array]:
    """The training data in float64, each measurement with mean 0 and variance 1."""
    data = run.data.train.take(slice(None))
    x, y = data["x"].astype(np.float64), data["y"][:, 0].astype(np.float64)
    return (x - x.mean(0)) / x.std(0), y


@pytest.mark.parametrize("l2", [0.1, 1.0])
def test_ridge_regression_finds_the_closed_form(trained: Train, figures: Figures, l2: float) -> None:
    """(XᵀX/n + λ·I)⁻¹·Xᵀ(y − ȳ)/n minimises the mean squared error plus λ·Σw²."""
    run = trained("diabetes_ridge", f"training.regularization.l2={l2}")
    x, y = standardized(run)
    expected = np.linalg.solve(x.T @ x / len(x) + l2 * np.eye(10), x.T @ (y - y.mean()) / len(x))
    distance = np.abs(run.state["line/weight"][:, 0] - expected).max()
    assert distance < 1e-3
    assert abs(run.state["line/bias"][0] - y.mean()) < 1e-3
    if l2 == 0.1:
        figures.add("diabetes_ridge", f"weights within {distance:.0e} of the closed form", run.summary.seconds)


@pytest.mark.parametrize("l1", [2, 10, 40])
def test_the_lasso_has_the_zeros_of_scikit_learn(trained: Train, figures: Figures, l1: float) -> None:
    run = trained("diabetes_lasso", f"training.regularization.l1={l1}")
    x, y = standardized(run)
    expected = linear_model.Lasso(alpha=l1 / 2, tol=1e-10).fit(x, y).coef_
    found = run.state["line/weight"][:, 0]
    zeros = int((expected == 0).sum())
    assert 0 < zeros < 10
    assert (found == 0).tolist() == (expected == 0).tolist()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    if l1 == 10:
        figures.add(
            "diabetes_lasso", f"the {zeros} zeros of scikit-learn's `Lasso`, of 10 weights", run.summary.seconds
        )


def test_one_hidden_layer_approximates_the_sine(trained: Train, figures: Figures) -> None:
    run = trained("sine_mlp")
    x = np.linspace(-np.pi, np.pi, 2001, dtype=np.float32)
    error = np.abs(run.predict(x=x)["output"][:, 0] - np.sin(x)).max()
    assert error < 0.02
    figures.add("sine_mlp", f"largest error on [−π, π]: {error:.4f}", run.summary.seconds)


def test_a_network_knows_how_sure_it_is(trained: Train, figures: Figures) -> None:
    run = trained("mean_and_variance")
    x = np.linspace(-3, 3, 601, dtype=np.float32)
    found = run.predict(x=x)
    mean, deviation = found["mean"][:, 0], np.sqrt(found["variance"][:, 0])
    true_deviation = 0.05 + 0.45 * (x + np.pi) / (2 * np.pi)
    error = np.abs(deviation - true_deviation).mean()
    assert error < 0.03
    assert np.abs(mean - np.sin(x)).mean() < 0.05
    y = np.sin(x) + true_deviation * np.random.default_rng(5).standard_normal((200, len(x)))
    inside = float((np.abs(y - mean) < 1.96 * deviation).mean())
    assert 0.93 < inside < 0.97
    figures.add(
        "mean_and_variance",
        f"standard deviation within {error:.3f} on average; 95 % intervals hold {inside:.1%} of new points",
        run.summary.seconds,
    )
