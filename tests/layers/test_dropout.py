"""Dropout acts in training only, keeps the mean, and gives its gradient the same mask."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import DType, graph_input, symbol
from netwright.compiler.layers import Dropout
from support.layer_context import RecordingContext
from support.running import BATCH, Program, batch_input


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_nothing_happens_outside_training_or_without_a_rate(rate: float, training: bool) -> None:
    x = graph_input("x", DType.float32, (BATCH, 4))
    assert Dropout(rate=rate).build(RecordingContext(training=training), x) is x


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_mask(rate: float) -> None:
    array = np.ones((200, 500), np.float32)
    x, dy = batch_input("x", array), batch_input("dy", array)
    y = Dropout(rate=rate).build(RecordingContext(training=True), x)
    (dx,) = gradients([y], [x], [dy])
    assert dx is not None
    y_array, dx_array = Program([x, dy], [y, dx])(array, array)
    assert set(np.unique(y_array)) == {np.float32(0), np.float32(1 / (1 - rate))}
    np.testing.assert_array_equal(dx_array, y_array)
    # The count of zeros is binomial: within five standard deviations.
    assert abs((y_array == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / array.size)


def test_symbolic_axes() -> None:
    x = graph_input("x", DType.float32, (BATCH, symbol("time"), 8))
    y = Dropout(rate=0.5).build(RecordingContext(training=True), x)
    assert y.type == x.type
    (array,) = Program([x], [y])(np.ones((3, 5, 8), np.float32))
    assert array.shape == (3, 5, 8)
    assert 0 < (array == 0).mean() < 1
