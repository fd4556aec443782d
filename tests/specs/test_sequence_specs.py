"""The specs that read sequences."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime import evaluate
from netwright.runtime.data import build_source
from netwright.runtime.data.fetch import missing_file
from support.bundles import Program
from support.figures import VARIABLE, Figures
from support.requirements import missing
from support.trained import Train, Trained


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


def test_sunspots_are_forecast_better_than_by_persistence_and_the_last_cycle(trained: Train, figures: Figures) -> None:
    run = trained("sunspots")
    assert_baselines(run, "sunspots", 1)
    beats(run, by=0.8)
    figures.add("sunspots", compared(run, "sunspots"), run.summary.seconds)


def test_carbon_dioxide_is_forecast_better_than_by_persistence_and_the_last_year(trained: Train) -> None:
    run = trained("co2", "training.epochs=3")
    assert_baselines(run, "co2", 13)
    beats(run, by=0.6)


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"takes a minute; set {VARIABLE} to train in full")
def test_carbon_dioxide_in_full(trained: Train, figures: Figures) -> None:
    run = trained("co2")
    beats(run, by=0.3)
    figures.add("co2", compared(run, "ppm"), run.summary.seconds)


def test_who_speaks_is_told_by_two_vowels(trained: Train, figures: Figures) -> None:
    if missing_file("japanese_vowels"):
        missing("japanese_vowels", "netwright fetch japanese_vowels")
    run = trained("japanese_vowels")
    assert run.test("accuracy") >= 0.96
    assert run.data.test is not None
    rows = run.data.test.take(slice(0, 50))
    longer = np.concatenate([rows["utterance"], np.full((50, 3, 12), 7, np.float32)], 1)  # what comes after the end
    found = run.predict(utterance=longer, length=rows["length"])["speaker"]
    np.testing.assert_allclose(
        found, run.predict(utterance=rows["utterance"], length=rows["length"])["speaker"], atol=1e-5
    )
    figures.add("japanese_vowels", f"{run.test('accuracy'):.1%} of the published test data right", run.summary.seconds)


def beats(run: Trained, by: float) -> None:
    """Whether the errors are at most a share `by` of those of both forecasts that cost nothing."""
    for metric in ("mae", "rmse"):
        for baseline in ("persistence", "seasonal_naive"):
            assert run.test(metric) <= by * run.test(f"{metric}_{baseline}")


def compared(run: Trained, unit: str) -> str:
    found = {name: run.test(name) for name in ("mae", "mae_persistence", "mae_seasonal_naive")}
    mae, persistence, naive = (f"{value:.3g}" for value in found.values())
    return f"mean absolute test error {mae} {unit}; persistence {persistence}, seasonal naive {naive}"


SEASON = {"sunspots": 11, "co2": 52}


def assert_baselines(run: Trained, column: str, horizon: int) -> None:
    """The metrics beside the network's are what pencil and paper say of the last fifth of the series, and `evaluate`
    prints them too."""
    series = build_source(column).load(Path()).train.take(slice(None))[column].astype(np.float64)
    known = series.copy()
    for row in range(1, len(known)):
        known[row] = known[row - 1] if np.isnan(known[row]) else known[row]
    last, season = [], []
    first = len(series) - int(len(series) * 0.2 + 0.5)
    for row in range(first, len(series) - horizon + 1):
        target = series[row : row + horizon]
        if not np.isnan(target).any():
            last.append(np.abs(known[row - 1] - target).mean())
            season.append(np.abs(known[row - SEASON[column] : row - SEASON[column] + horizon] - target).mean())
    assert run.test("mae_persistence") == pytest.approx(np.mean(last), rel=1e-5)
    assert run.test("mae_seasonal_naive") == pytest.approx(np.mean(season), rel=1e-5)
    assert evaluate(run.run)["test"] == pytest.approx(run.summary.test)


def test_digits_rows_transformer_reads_97_percent_of_the_test_digits(trained: Train, figures: Figures) -> None:
    run = trained("digits_rows_transformer")
    assert run.test("accuracy") >= 0.97
    figures.add("digits_rows_transformer", f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)
