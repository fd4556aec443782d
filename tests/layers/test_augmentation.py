"""Augmentation changes each image of a training step on its own, repeatably, as its page says; and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler import random
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import Array, DType, Value, graph_input, symbol
from netwright.compiler.layers import Layer
from scipy import stats
from support.layer_context import RecordingContext
from support.pytorch import import_torch
from support.running import BATCH, Program, batch_input

ENTRIES: list[Any] = [
    "random_flip",
    {"random_crop": 2},
    {"gaussian_noise": 0.1},
    {"cutout": 3},
    {"random_rotation": 20},
]
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=str)
ROWS = 2000
IMAGES = np.random.default_rng(0).uniform(1, 2, (ROWS, 2, 5, 6)).astype(np.float32)


class Counting(RecordingContext):
    """A context whose random counter is an input, as in a step."""

    def __init__(self) -> None:
        super().__init__(training=True)
        self.counter = graph_input("random_counter", DType.int64, ())

    def random_key(self, purpose: str = "") -> Value:
        return random.key(self.counter, len(purpose))


def augmented(entry: Any, images: Array = IMAGES, counter: int = 7) -> Array:
    x, context = batch_input("x", images), Counting()
    y = Layer.registry.build(entry).build(context, x)
    assert y.type == x.type
    (array,) = Program([x, context.counter], [y])(images, np.int64(counter))
    return array


@every_entry
def test_outside_training_nothing_happens(entry: Any) -> None:
    x = graph_input("x", DType.float32, (BATCH, 2, 5, 6))
    assert Layer.registry.build(entry).build(RecordingContext(), x) is x


@every_entry
def test_steps_differ_and_repeat_whatever_the_size_of_the_batch(entry: Any) -> None:
    first = augmented(entry)
    np.testing.assert_array_equal(augmented(entry), first)
    np.testing.assert_array_equal(augmented(entry, IMAGES[:7]), first[:7])
    assert (augmented(entry, counter=8) != first).any()


@every_entry
def test_images_without_channels(entry: Any) -> None:
    assert (augmented(entry, IMAGES[:, 0]) != IMAGES[:, 0]).any()


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", -1), ("vertical", -2)])
@pytest.mark.parametrize("probability", [0.5, 0.1])
def test_random_flip(direction: str, axis: int, probability: float) -> None:
    y = augmented({"random_flip": {"direction": direction, "probability": probability}})
    flipped = (y == np.flip(IMAGES, axis)).all((1, 2, 3))
    assert (flipped | (y == IMAGES).all((1, 2, 3))).all()
    assert_share(flipped.mean(), probability)


def test_random_crop_is_a_crop_of_the_padded_image_and_every_place_is_as_likely() -> None:
    y = augmented({"random_crop": 1})
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (1, 1), (1, 1)))
    found = np.array([[(y == padded[..., i : i + 5, j : j + 6]).all((1, 2, 3)) for j in range(3)] for i in range(3)])
    assert (found.sum((0, 1)) == 1).all()
    for share in found.mean(2).ravel():
        assert_share(share, 1 / 9)


COORDINATES = np.indices((9, 11), np.float32) - np.array([4, 5], np.float32)[:, None, None]


def angles(y: Array) -> Array:
    """By how many radians each image of coordinates was turned: where the pixel two right of the middle came from."""
    return np.arctan2(-y[:, 0, 4, 7], y[:, 1, 4, 7])


def test_every_angle_of_a_rotation_is_as_likely() -> None:
    y = augmented({"random_rotation": 30}, np.broadcast_to(COORDINATES, (ROWS, 2, 9, 11)))
    degrees = np.rad2deg(angles(y))
    assert stats.kstest(degrees, stats.uniform(-30, 60).cdf).pvalue > 1e-3
    np.testing.assert_allclose(np.hypot(y[:, 0, 4, 7], y[:, 1, 4, 7]), 2, rtol=1e-5)


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_a_rotation_is_that_of_pytorch(method: str) -> None:
    torch = import_torch()
    noise = np.random.default_rng(1).normal(size=(40, 3, 9, 11)).astype(np.float32)
    entry = {"random_rotation": {"degrees": 180, "method": method}}
    angle = angles(augmented({"random_rotation": 180}, np.broadcast_to(COORDINATES, (40, 2, 9, 11))))
    sine, cosine, ratio = np.sin(angle), np.cos(angle), np.float32(9 / 11)
    turns = np.zeros((40, 2, 3), np.float32)
    turns[:, 0, 0], turns[:, 0, 1], turns[:, 1, 0], turns[:, 1, 1] = cosine, sine * ratio, -sine / ratio, cosine
    grid = torch.nn.functional.affine_grid(torch.tensor(turns), noise.shape, align_corners=False)
    expected = torch.nn.functional.grid_sample(torch.tensor(noise), grid, mode=method, align_corners=False).numpy()
    y = augmented(entry, noise)
    close = np.isclose(y, expected, rtol=1e-4, atol=1e-4)
    assert close.all() if method == "bilinear" else close.mean() > 0.999  # a place halfway may fall on either side


def test_gaussian_noise() -> None:
    noise = (augmented({"gaussian_noise": 0.1}) - IMAGES).ravel() / 0.1
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.var() - 1) < 5 * np.sqrt(2 / noise.size)
    assert_share((np.abs(noise) < 1).mean(), 0.6827, noise.size)


def test_cutout_is_a_square_around_a_pixel_and_every_pixel_is_as_likely() -> None:
    y = augmented({"cutout": 3})
    cut = y == 0
    np.testing.assert_array_equal(y[~cut], IMAGES[~cut])
    rows, columns = np.arange(5)[:, None, None, None], np.arange(6)[None, :, None, None]
    around = (np.abs(np.arange(5)[:, None] - rows) <= 1) & (np.abs(np.arange(6) - columns) <= 1)  # centre, pixel
    found = (cut[None, None, :, 0] == around[:, :, None]).all((3, 4))
    assert (cut[:, 0] == cut[:, 1]).all()
    assert (found.sum((0, 1)) == 1).all()
    for share in found.mean(2).ravel():
        assert_share(share, 1 / 30)


def assert_share(share: float, probability: float, count: int = ROWS) -> None:
    """Within five standard deviations of a binomial count."""
    assert abs(share - probability) < 5 * np.sqrt(probability * (1 - probability) / count)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if "gaussian_noise" not in entry], ids=str)
def test_what_is_no_image(entry: Any) -> None:
    layer = Layer.registry.build(entry)
    with pytest.raises(BuildError) as caught:
        layer.build(RecordingContext(), graph_input("x", DType.float32, (BATCH, 4)))
    assert caught.value.message == "needs images (batch, …, height, width), received (batch, 4)"


@pytest.mark.parametrize(
    ("entry", "what"),
    [({"random_crop": 2}, "a random crop"), ({"cutout": 3}, "a cutout"), ({"random_rotation": 5}, "a random rotation")],
)
def test_images_of_any_size(entry: Any, what: str) -> None:
    x = graph_input("x", DType.float32, (BATCH, symbol("size"), 6))
    with pytest.raises(BuildError) as caught:
        Layer.registry.build(entry).build(RecordingContext(training=True), x)
    assert caught.value.message == f"{what} needs a fixed size, but 'size' in (batch, size, 6) is symbolic"
