"""Lecture specs with several inputs, outputs or uses of one layer: autoencoder, Siamese pair, two tasks."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir import Array
from netwright.runtime.data.columns import Columns
from support.figures import Figures
from support.trained import Train

decomposition = pytest.importorskip("sklearn.decomposition")


def pixels(columns: Columns | None) -> Array:
    assert columns is not None
    return columns.take(slice(None))["image"].reshape(-1, 64)


def test_the_autoencoder_beats_as_many_principal_components(trained: Train, figures: Figures) -> None:
    run = trained("digits_autoencoder")
    train, test = pixels(run.data.train), pixels(run.data.test)
    found = run.predict(image=test.reshape(-1, 8, 8))
    assert found["code"].shape == (len(test), 8)
    error = float(((found["reconstruction"].reshape(-1, 64) - test) ** 2).mean())
    np.testing.assert_allclose(error, run.test("loss"), rtol=1e-4)
    pca = decomposition.PCA(8).fit(train)
    linear = float(((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean())
    assert error < 0.6 * linear
    figures.add(
        "digits_autoencoder",
        f"squared error of a test pixel {error:.4f}; 8 principal components: {linear:.4f}",
        run.summary.seconds,
    )


def test_the_siamese_pair_has_one_tower(trained: Train, figures: Figures) -> None:
    run = trained("digits_siamese")
    parameters = [name for name in run.state if name.endswith(("/weight", "/bias")) and "optimizer" not in name]
    assert len(parameters) == 6  # two layers of the tower, once, and the logit
    assert run.test("accuracy") >= 0.94
    test = run.data.test
    assert test is not None
    batch = test.take(slice(0, 200))
    pair = run.predict(left=batch["left"], right=batch["right"])["same"]
    turned = run.predict(left=batch["right"], right=batch["left"])["same"]
    np.testing.assert_allclose(pair, turned, rtol=1e-5, atol=1e-7)  # one tower: it does not matter who is left
    figures.add("digits_siamese", f"{run.test('accuracy'):.1%} of the test pairs right", run.summary.seconds)


def test_two_tasks_at_once(trained: Train, figures: Figures) -> None:
    run = trained("digits_two_tasks")
    assert run.test("accuracy") >= 0.93
    assert run.test("rmse") < 1.8  # guessing the mean gives 4.1
    accuracy, error = run.test("accuracy"), run.test("rmse")
    figure = f"{accuracy:.1%} of the comparisons right, root mean squared error of the sum {error:.2f}"
    figures.add("digits_two_tasks", figure, run.summary.seconds)
