"""What the training API can train: the specs of the library, found by their optimizer, and variants of some."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import pytest
from netwright.compiler import Bundle, load_spec
from netwright.compiler.bundle import Target
from netwright.compiler.optimizers import SGD, Adam, AdamW
from netwright.runtime.data import source_schema
from support.bundles import REDUCED, SPECS, compile_without_data, library_spec

VARIANTS = {
    "adamw": ("digits_mlp", ["training.optimizer={adamw: {weight_decay: 0.1, beta1: 0.8, epsilon: 1e-5}}"]),
    "adamw_scheduled": ("digits_softmax", ["training.optimizer={adamw: {learning_rate: {cosine: 0.01}}}"]),
    "sgd_weight_decay": ("digits_mlp", ["training.optimizer={sgd: {learning_rate: 0.01, weight_decay: 0.05}}"]),
    "sgd_clipped": (
        "iris_softmax",
        ["training.optimizer={sgd: {learning_rate: 0.1}}", "training.clip_global_norm=0.3"],
    ),
    "adam_clipped": ("digits_mlp", ["training.clip_global_norm=0.5"]),
    "l1_and_l2": ("digits_mlp", ["training.regularization={l1: 1e-3, l2: 1e-2}"]),
    "mixup": ("digits_mlp", ["training.mixup=0.5"]),
    "frozen": ("digits_mlp", ["training.frozen=['dense1/*']"]),
}

CONVOLUTIONAL = ("resnet20", "unet_small", "zfnet")
"""Large networks that stand for all, made small."""


SLOWLY = ("faces_cnn", "fashion_cnn", "mnist_cnn", "resnet20", "zfnet")
"""At their own rates the last bits, in which two versions of ONNX Runtime round convolutions differently, grow to more
than 1e-4 within 50 steps: the first ten losses agree to 1e-6. So these are compared at a smaller rate."""
SMALL_RATE = "training.optimizer={adam: {learning_rate: 1e-5}}"


@dataclass(frozen=True)
class Expressible:
    """A spec of the library, changed by the overrides."""

    id: str
    name: str
    overrides: tuple[str, ...] = ()

    @functools.cache  # noqa: B019 - cases live as long as the tests
    def compile(self, target: Target) -> Bundle:
        spec = load_spec(SPECS[self.name], data_schema=source_schema(), overrides=self.overrides)
        return compile_without_data(spec, target)

    def write(self, folder: Path, target: Target) -> Bundle:
        bundle = self.compile(target)
        bundle.write(folder)
        return bundle


def all_expressible() -> list[Expressible]:
    found = []
    for name in SPECS:
        training = library_spec(name).training
        if name in REDUCED and name not in CONVOLUTIONAL:
            continue  # more of the same operators, for minutes
        if training is not None and isinstance(training.optimizer.optimizer, (SGD, Adam, AdamW)):
            slowly = (SMALL_RATE,) if name in SLOWLY else ()
            found.append(Expressible(name, name, (*REDUCED.get(name, ()), *slowly)))
    return found + [Expressible(id, name, tuple(changes)) for id, (name, changes) in VARIANTS.items()]


every_expressible = pytest.mark.parametrize("case", all_expressible(), ids=lambda case: case.id)
