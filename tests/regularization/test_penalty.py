"""The penalty is l1·Σ|w| + l2·Σw², and its derivative l1·sign(w) + 2·l2·w."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.regularization import penalty
from support.running import fixed_input, run

A = np.array([[1, -2], [0.5, 3]], np.float32)
B = np.array([-1, 4], np.float32)


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0), (0, 0.2), (0.1, 0.2)])
def test_value_and_derivative(l1: float, l2: float) -> None:
    a, b = fixed_input("a", A), fixed_input("b", B)
    value = penalty([a, b], l1, l2)
    assert value is not None
    assert value.shape == ()
    da, db = gradients([value], [a, b])
    assert da is not None
    assert db is not None
    total, by_a, by_b = run([value, da, db], {a: A, b: B})
    everything = np.concatenate([A.ravel(), B])
    np.testing.assert_allclose(total, l1 * np.abs(everything).sum() + l2 * (everything**2).sum(), rtol=1e-6)
    for array, slope in ((A, by_a), (B, by_b)):
        np.testing.assert_allclose(slope, l1 * np.sign(array) + 2 * l2 * array, rtol=1e-6)


def test_nothing_to_penalise() -> None:
    assert penalty([], 0.1, 0.1) is None
    assert penalty([fixed_input("a", A)], 0, 0) is None
