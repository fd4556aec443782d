"""Specs that learn real images: briefly and on few of them always, in full when the page of models is written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from netwright.compiler.ir import Array
from netwright.runtime import Partitions, train
from netwright.runtime.data import build_source
from netwright.runtime.data.columns import ArrayColumns, Columns
from netwright.runtime.data.fetch import missing_file
from support.figures import VARIABLE, Figures
from support.requirements import missing
from support.trained import Compile, Train, Trained

decomposition = pytest.importorskip("sklearn.decomposition")

in_full = [
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full"),
    pytest.mark.timeout(3600),
]

SHORT = ("training.epochs=2", "training.batch_size=32", "training.optimizer.adam.learning_rate=2e-3")
"""For a training of seconds; schedules count the epochs of all the data."""


def need(data: str) -> None:
    if missing_file(data) and data == "fashion_mnist":  # only Debian's kin have it
        pytest.skip(f"{data} is missing; install it with: netwright fetch {data}")
    if missing_file(data):
        missing(data, f"netwright fetch {data}")


def few(source: str, train_rows: int, test_rows: int) -> Partitions:
    """The first rows of the training and test images."""
    data = build_source(source).load(Path())
    assert data.test is not None
    test = ArrayColumns(dict(data.test.take(slice(0, test_rows))))
    return Partitions(ArrayColumns(dict(data.train.take(slice(0, train_rows)))), None, test)


@pytest.mark.parametrize(
    ("name", "source", "least"), [("mnist_cnn", "mnist", 0.85), ("fashion_cnn", "fashion_mnist", 0.65)]
)
def test_a_few_images_teach_much(compiled: Compile, name: str, source: str, least: float) -> None:
    need(source)
    bundle = compiled(name, *SHORT)
    run = Trained(bundle, train(bundle, bundle.with_name("run"), partitions=few(source, 2000, 500)))
    assert run.test("accuracy") >= least


def test_few_passes_teach_most_faces(trained: Train) -> None:
    need("orl_faces")
    run = trained("faces_cnn", "training.epochs=6", SHORT[-1])
    assert run.test("accuracy") >= 0.85
    assert run.data.test is not None
    labels = run.data.test.take(slice(None))["label"]
    assert np.bincount(labels).tolist() == [2] * 40


def test_a_few_digits_teach_the_autoencoder(compiled: Compile) -> None:
    """Less than the error of the mean image, by far, which is that of no principal component."""
    need("mnist")
    bundle = compiled("mnist_conv_autoencoder", *SHORT, "training.epochs=8")
    data = few("mnist", 2000, 500)
    run = Trained(bundle, train(bundle, bundle.with_name("run"), partitions=data))
    assert run.test("loss") < 0.6 * principal_error(data, 0)


@pytest.mark.parametrize(
    ("name", "source", "least"),
    [
        pytest.param("mnist_cnn", "mnist", 0.99, marks=in_full),
        pytest.param("fashion_cnn", "fashion_mnist", 0.915, marks=in_full),
        pytest.param("faces_cnn", "orl_faces", 0.95, marks=in_full),
    ],
)
def test_classes_of_images(trained: Train, figures: Figures, name: str, source: str, least: float) -> None:
    need(source)
    run = trained(name)
    assert run.test("accuracy") >= least
    figures.add(name, f"{run.test('accuracy'):.2%} of the test data right", run.summary.seconds)


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full")
@pytest.mark.timeout(3600)
def test_the_convolutional_autoencoder_halves_the_error_of_principal_components(
    trained: Train, figures: Figures
) -> None:
    need("mnist")
    run = trained("mnist_conv_autoencoder")
    error, linear = run.test("loss"), principal_error(run.data, 16)
    assert error <= 0.5 * linear
    figures.add(
        "mnist_conv_autoencoder",
        f"squared error of a test pixel {error:.4f}; 16 principal components: {linear:.4f}",
        run.summary.seconds,
    )


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes minutes; set {VARIABLE} to train in full")
@pytest.mark.timeout(3600)
def test_digits_made_of_random_numbers_pass_for_real(trained: Train, figures: Figures) -> None:
    """To a network that learned real ones: it is sure of many, and finds every digit among them."""
    need("mnist")
    run, classifier = trained("dcgan_small"), trained("mnist_cnn", "training.epochs=1", SHORT[-1])
    latent = np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32)
    images = run.predict(latent=latent)["images"]
    sure, shares = judged(classifier, images)
    assert sure >= SURE
    assert shares.min() >= 0.01
    assert run.data.test is not None
    of_real, _ = judged(classifier, pixels(run.data.test).reshape(-1, 28, 28))
    figures.add(
        "dcgan_small",
        f"{sure:.1%} of 2,000 made digits are sure (p ≥ 0.9) to a `mnist_cnn` of one epoch, {of_real:.1%} of real "
        f"ones; the rarest digit is {shares.min():.1%} of them",
        run.summary.seconds,
    )


SURE = 0.4


def judged(classifier: Trained, images: Array) -> tuple[float, Array]:
    """The share of images that a classifier gives a digit at least 0.9, and the share of each digit among those."""
    probabilities = classifier.predict(image=images)["probabilities"]
    sure = probabilities.max(axis=1) >= 0.9
    counts = np.bincount(probabilities[sure].argmax(axis=1), minlength=10)
    return float(sure.mean()), counts / max(counts.sum(), 1)


def principal_error(data: Partitions, components: int) -> float:
    """Mean squared error of a pixel of the test images, rebuilt from principal components of the training images."""
    learned, seen = pixels(data.train), pixels(data.test)
    if not components:
        return float(((seen - learned.mean(axis=0)) ** 2).mean())
    pca = decomposition.PCA(components, svd_solver="covariance_eigh").fit(learned)
    return float(((pca.inverse_transform(pca.transform(seen)) - seen) ** 2).mean())


def pixels(columns: Columns | None) -> Array:
    assert columns is not None
    images = columns.take(slice(None))["image"]
    return images.reshape(len(images), -1)
