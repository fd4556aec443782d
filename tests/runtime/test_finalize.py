"""Sums to metrics, against scikit-learn."""

import math

import numpy as np
import pytest
from netwright.runtime.finalize import FINALIZERS
from sklearn import metrics


def counts(true: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    table = np.zeros((classes, classes))
    np.add.at(table, (true, guess), 1)
    return table


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_class_averages(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    true, guess = random.integers(0, 5, 30), random.integers(0, 6, 30)  # class 6 of 7 never occurs
    table = counts(true, guess, 7)
    reference = getattr(metrics, f"{name}_score")(true, guess, average="macro", zero_division=0)
    assert FINALIZERS[name](table) == pytest.approx(reference, rel=1e-12)


def test_confusion_is_a_table_of_whole_numbers() -> None:
    true, guess = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])
    assert FINALIZERS["confusion"](counts(true, guess, 3)) == metrics.confusion_matrix(true, guess).tolist()


def test_r2() -> None:
    y, guess = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    sums = (np.array(((y - guess) ** 2).sum()), np.array(y.sum()), np.array((y**2).sum()), np.array(3.0))
    assert FINALIZERS["r2"](*sums) == pytest.approx(metrics.r2_score(y, guess))


def test_ratios() -> None:
    assert FINALIZERS["ratio"](np.array(3.0), np.array(4.0)) == 0.75
    assert FINALIZERS["root_ratio"](np.array(36.0), np.array(4.0)) == 3.0
    assert FINALIZERS["exponential_ratio"](np.array(6.0), np.array(4.0)) == np.exp(1.5)
    assert FINALIZERS["exponential_ratio"](np.array(1e4), np.array(1.0)) == np.inf


def test_what_the_data_do_not_define_is_nan() -> None:
    zero = np.array(0.0)
    assert math.isnan(FINALIZERS["ratio"](zero, zero))
    assert math.isnan(FINALIZERS["root_ratio"](zero, zero))
    assert math.isnan(FINALIZERS["r2"](np.array(1.0), np.array(4.0), np.array(8.0), np.array(2.0)))  # constant target
    assert math.isnan(FINALIZERS["f1"](np.zeros((2, 2))))


def test_losses_that_weigh_examples_differently() -> None:
    assert FINALIZERS["sum_of_ratios"](*map(np.array, (6.0, 3.0, 1.0, 4.0))) == 2.25
    assert FINALIZERS["sum_of_ratios"](*map(np.array, (6.0, 3.0, 0.0, 0.0))) == 2.0
    assert math.isnan(FINALIZERS["sum_of_ratios"](*map(np.array, (0.0, 0.0))))
