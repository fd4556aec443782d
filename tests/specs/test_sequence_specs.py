"""The specs that read sequences."""

from __future__ import annotations

import numpy as np
from support.bundles import Program
from support.figures import Figures
from support.trained import Train


def test_digits_rows_lstm_reads_95_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    """And row by row, in the form for streams, it ends in the same probabilities."""
    run = trained("digits_rows_lstm")
    assert run.test("accuracy") >= 0.95
    images = np.random.default_rng(0).uniform(0, 1, (3, 8, 8)).astype(np.float32)
    step = Program(run.run / "bundle" / "inference_step.onnx")
    state = np.zeros((3, 96), np.float32)
    for row in range(8):
        out = step({"image": images[:, row : row + 1], "lstm1/state": state})
        state = out["lstm1/state.next"]
    np.testing.assert_allclose(out["probabilities"], run.predict(image=images)["probabilities"], rtol=1e-4, atol=1e-6)
    figures.add("digits_rows_lstm", f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)


def test_digits_rows_transformer_reads_97_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    run = trained("digits_rows_transformer")
    assert run.test("accuracy") >= 0.97
    figures.add("digits_rows_transformer", f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)
