"""Training in half precision ends where float32 does.

What is compared are the means of ten steps. Single ones differ by up to 5 %, as each has a small batch and masks of its
own, and what is rounded early decides which examples are a little better learnt later.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler.emit import emit
from netwright.compiler.ir import Array, DType
from onnx.reference import ReferenceEvaluator
from support.bundles import Tensors, first_state, take_batches
from support.half import HALVES, half_bundle, losses, program

STEPS = 200


class Runs:
    """The losses of 200 steps of a spec in several precisions, over the same batches from the same weights."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        half_bundle(name, "float32").write(folder / "bundle")
        self.batches = take_batches(folder / "bundle", STEPS)
        self.expected = self.losses("float32", rounded=False)

    def losses(self, precision: str, *, rounded: bool) -> Array:
        folder = self.folder / f"{precision}-{rounded}"
        bundle = half_bundle(self.name, precision)
        bundle.write(folder)
        step = program(bundle, "step", folder, rounded=rounded)
        found, state = losses(step, first_state(folder), self.batches)
        assert state["step"] == STEPS, "a step was skipped"
        return np.array(found)

    def compare(self, precision: str, *, rounded: bool) -> None:
        found = self.losses(precision, rounded=rounded).reshape(-1, 10).mean(1)
        np.testing.assert_allclose(found, self.expected.reshape(-1, 10).mean(1), rtol=0.02)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs("digits_mlp", tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs("mnist_mlp", tmp_path_factory.mktemp("mnist"))


@pytest.mark.parametrize("rounded", [False, True], ids=["inserted casts", "every number rounded"])
def test_float16_trains_the_digits_as_float32_does(digits: Runs, rounded: bool) -> None:
    digits.compare("float16", rounded=rounded)


@pytest.mark.parametrize("rounded", [False, True], ids=["inserted casts", "every number rounded"])
def test_float16_trains_mnist_as_float32_does(mnist: Runs, rounded: bool) -> None:
    mnist.compare("float16", rounded=rounded)


def test_bfloat16_trains_the_digits_as_float32_does(digits: Runs) -> None:
    digits.compare("bfloat16", rounded=True)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_a_step_is_what_the_reference_evaluator_says(digits: Runs, dtype: DType, tmp_path: Path) -> None:
    bundle = half_bundle("digits_mlp", dtype)
    bundle.write(tmp_path / "bundle")
    rounded = program(bundle, "step", tmp_path)
    reference = ReferenceEvaluator(emit(bundle.graphs["step"]))
    given = {**digits.batches[0], **first_state(tmp_path / "bundle")}
    expected: Tensors = dict(zip(rounded.outputs, reference.run(None, given), strict=True))
    found = rounded(given)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)
    for name in (name for name in expected if name.endswith("/first_moment.next")):  # the gradients
        bound = 2.0 ** -(8 if dtype is DType.bfloat16 else 11) * np.abs(expected[name]).max()  # one rounding
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=bound, err_msg=name)
