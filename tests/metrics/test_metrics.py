"""Metrics over several batches, finished by the runtime's formulas, against scikit-learn on all the data at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import Array, Dim, DType, TensorType, symbol
from netwright.compiler.metrics import Metric
from netwright.runtime import best_path
from netwright.runtime.finalize import FINALIZERS
from sklearn import metrics as sklearn
from support.running import BATCH, Program, batch_input

RANDOM = np.random.default_rng(5)
CLASSES = 4
LOGITS = RANDOM.normal(size=(50, CLASSES)).astype(np.float32)
LABELS = np.where(RANDOM.uniform(size=50) < 0.5, LOGITS.argmax(1), RANDOM.integers(0, CLASSES, 50))
SCORES = RANDOM.normal(size=(50, 1)).astype(np.float32)
YES = (RANDOM.uniform(size=(50, 1)) < 0.6).astype(np.float32)
NUMBERS = RANDOM.normal(size=(50, 2)).astype(np.float32) + 1000
GUESSES = NUMBERS + RANDOM.normal(size=(50, 2)).astype(np.float32) / 2

PREDICTED, SAID_YES = LOGITS.argmax(1), SCORES[:, 0] > 0
MACRO = {"average": "macro", "zero_division": 0}


@dataclass(frozen=True)
class Case:
    entry: Any
    output: Array
    target: Array
    expected: Callable[[], Any]


def edit_distance(a: Sequence[int], b: Sequence[int]) -> int:
    """By its definition."""
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return edit_distance(a[1:], b[1:])
    return 1 + min(edit_distance(a[1:], b), edit_distance(a, b[1:]), edit_distance(a[1:], b[1:]))


def written_out(rows: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Outputs whose best paths hold each label for two steps, with a blank after it; the rows four times over."""
    blank, most = CLASSES - 1, max(map(len, rows))
    labels = np.array([[*row, *[blank] * (most - len(row))] for row in rows])
    path = np.stack([labels, labels, np.full_like(labels, blank)], axis=2).reshape(len(rows), -1)
    return np.tile(np.eye(CLASSES, dtype=np.float32)[path], (4, 1, 1)), np.tile(labels, (4, 1))


def of_labels(entry: Any, expected: Callable[[], Any]) -> Case:
    return Case(entry, LOGITS, LABELS, expected)


def of_yes(entry: Any, expected: Callable[[], Any]) -> Case:
    return Case(entry, SCORES, YES, expected)


STEPS = RANDOM.normal(size=(20, 12, CLASSES)).astype(np.float32)
IN_ROW = np.arange(5) < RANDOM.integers(0, 6, 20)[:, None]
ROWS = np.where(IN_ROW, RANDOM.integers(0, CLASSES - 1, (20, 5)), CLASSES - 1)
READ = best_path(STEPS, blank=CLASSES - 1)
WANTED = [[int(label) for label in row if label != CLASSES - 1] for row in ROWS]
MISTAKES = [edit_distance(list(read), wanted) for read, wanted in zip(READ, WANTED, strict=True)]
BLANK = {"blank": CLASSES - 1}

CASES = {
    "label_error_rate": [
        Case({"label_error_rate": BLANK}, STEPS, ROWS, lambda: sum(MISTAKES) / (ROWS != CLASSES - 1).sum())
    ],
    "exact_labels": [
        Case({"exact_labels": BLANK}, STEPS, ROWS, lambda: np.mean(np.array(MISTAKES) == 0)),
        Case({"exact_labels": BLANK}, *written_out([[0, 0, 1], [2, 1, 2], [1]]), lambda: 1.0),
    ],
    "accuracy": [
        of_labels("accuracy", lambda: sklearn.accuracy_score(LABELS, PREDICTED)),
        of_yes("accuracy", lambda: sklearn.accuracy_score(YES[:, 0] > 0, SAID_YES)),
        of_yes({"accuracy": {"threshold": 0.5}}, lambda: sklearn.accuracy_score(YES[:, 0] > 0, SCORES[:, 0] > 0.5)),
    ],
    "top_k": [
        of_labels({"top_k": k}, functools.partial(sklearn.top_k_accuracy_score, LABELS, LOGITS, k=k)) for k in (1, 2, 3)
    ],
    "precision": [
        of_labels("precision", lambda: sklearn.precision_score(LABELS, PREDICTED, **MACRO)),
        of_yes("precision", lambda: sklearn.precision_score(YES[:, 0], SAID_YES, **MACRO)),
    ],
    "recall": [
        of_labels("recall", lambda: sklearn.recall_score(LABELS, PREDICTED, **MACRO)),
        of_yes("recall", lambda: sklearn.recall_score(YES[:, 0], SAID_YES, **MACRO)),
    ],
    "f1": [
        of_labels("f1", lambda: sklearn.f1_score(LABELS, PREDICTED, **MACRO)),
        of_yes("f1", lambda: sklearn.f1_score(YES[:, 0], SAID_YES, **MACRO)),
    ],
    "confusion_matrix": [
        of_labels("confusion_matrix", lambda: sklearn.confusion_matrix(LABELS, PREDICTED).tolist()),
        of_yes("confusion_matrix", lambda: sklearn.confusion_matrix(YES[:, 0], SAID_YES).tolist()),
        Case(
            "confusion_matrix",
            LOGITS.reshape(10, 5, CLASSES),
            LABELS.reshape(10, 5),
            lambda: sklearn.confusion_matrix(LABELS, PREDICTED).tolist(),
        ),
    ],
    "perplexity": [
        of_labels(
            "perplexity",
            lambda: np.exp(sklearn.log_loss(LABELS, np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True))),
        )
    ],
    "mae": [Case("mae", GUESSES, NUMBERS, lambda: sklearn.mean_absolute_error(NUMBERS, GUESSES))],
    "rmse": [Case("rmse", GUESSES, NUMBERS, lambda: sklearn.mean_squared_error(NUMBERS, GUESSES) ** 0.5)],
    "r2": [Case("r2", GUESSES, NUMBERS, lambda: sklearn.r2_score(NUMBERS.ravel(), GUESSES.ravel()))],
}


def all_cases() -> list[Any]:
    return [pytest.param(case, id=f"{kind}-{i}") for kind in CASES for i, case in enumerate(CASES[kind])]


@pytest.mark.parametrize("kind", list(Metric.registry))
def test_every_metric_has_a_case(kind: str) -> None:
    assert CASES[kind]


def program(metric: Metric, output: Array, target: Array) -> tuple[list[str], Program]:
    z, y = batch_input("z", output), batch_input("y", target)
    metric.check(z.type, y.type)
    sums: Mapping[str, Any] = metric.sums(z, y)
    return list(sums), Program([z, y], list(sums.values()))


@pytest.mark.parametrize("case", all_cases())
def test_sums_of_uneven_batches_make_the_number(case: Case) -> None:
    metric = Metric.registry.build(case.entry)
    names, sums = program(metric, case.output, case.target)
    totals: list[Any] = [0.0] * len(names)
    for batch in np.split(np.arange(len(case.output)), [3, 4, 9]):
        parts = sums(case.output[batch], case.target[batch])
        totals = [total + part.astype(np.float64) for total, part in zip(totals, parts, strict=True)]
    result = FINALIZERS[metric.finalize](*totals)
    np.testing.assert_allclose(result, case.expected(), rtol=1e-5)


@pytest.mark.parametrize("kind", list(Metric.registry))
def test_a_ratio_has_a_sum_and_a_weight(kind: str) -> None:
    case = CASES[kind][0]
    metric = Metric.registry.build(case.entry)
    names, _ = program(metric, case.output, case.target)
    expected = {
        "ratio": ["sum", "weight"],
        "root_ratio": ["sum", "weight"],
        "exponential_ratio": ["sum", "weight"],
        "r2": ["residual", "total", "squares", "weight"],
    }
    assert names == expected.get(metric.finalize, ["counts"])


def test_labels() -> None:
    assert Metric.registry.build({"top_k": 3}).label == "top_3"
    assert Metric.registry.build("accuracy").label == "accuracy"


def test_goals() -> None:
    assert {kind for kind, cls in Metric.registry.items() if cls.goal == "min"} == {
        "label_error_rate",
        "mae",
        "perplexity",
        "rmse",
    }


def test_equal_numbers() -> None:
    """The first of equal outputs is the predicted class; what equals the label's output does not push it out."""
    z, y = np.zeros((2, 3), np.float32), np.array([0, 2])
    assert [float(part) for part in program(Metric.registry.build("accuracy"), z, y)[1](z, y)] == [1, 2]
    assert [float(part) for part in program(Metric.registry.build({"top_k": 1}), z, y)[1](z, y)] == [2, 2]


def of(*dims: Dim, dtype: DType = DType.float32) -> TensorType:
    return TensorType(dtype, (BATCH, *dims))


INT = DType.int64
CLASS_HINT = "it needs integer labels and one output a class, or 0/1 targets in the output's shape"


@pytest.mark.parametrize("kind", ["accuracy", "confusion_matrix", "precision", "recall", "f1"])
@pytest.mark.parametrize(
    ("output", "target"),
    [
        (of(3), of(4)),
        (of(1), of(dtype=INT)),
        (of(3), of(3, dtype=INT)),
        (of(3, dtype=INT), of(3, dtype=INT)),
        (of(symbol("time")), of(dtype=INT)),
    ],
)
def test_class_metrics_need_classes(kind: str, output: TensorType, target: TensorType) -> None:
    with pytest.raises(BuildError) as caught:
        Metric.registry.build(kind).check(output, target)
    message = f"compares classes, but the output is {output} and the target {target}"
    assert (caught.value.message, caught.value.hint) == (message, CLASS_HINT)


@pytest.mark.parametrize("kind", ["mae", "rmse", "r2"])
@pytest.mark.parametrize(("output", "target"), [(of(3), of(dtype=INT)), (of(3, dtype=INT), of(3, dtype=INT))])
def test_number_metrics_need_numbers(kind: str, output: TensorType, target: TensorType) -> None:
    with pytest.raises(BuildError) as caught:
        Metric.registry.build(kind).check(output, target)
    expected = f"compares numbers one by one, but the output is {output} and the target {target}"
    assert caught.value.message == expected


def test_top_k_needs_labels() -> None:
    with pytest.raises(BuildError) as caught:
        Metric.registry.build({"top_k": 2}).check(of(3), of(3))
    assert caught.value.message == (
        "needs integer labels and one output a class, "
        "but the output is float32(batch, 3) and the target float32(batch, 3)"
    )


@pytest.mark.parametrize("kind", ["label_error_rate", "exact_labels"])
@pytest.mark.parametrize(
    ("output", "target"),
    [(of(12, 4), of(12, 4)), (of(12, 4), of(dtype=INT)), (of(4), of(3, dtype=INT)), (of(12, 4), of(3))],
)
def test_metrics_of_best_paths_need_rows_of_labels(kind: str, output: TensorType, target: TensorType) -> None:
    with pytest.raises(BuildError) as caught:
        Metric.registry.build(kind).check(output, target)
    assert caught.value.message == (
        f"needs an output (batch, time, classes) and rows of labels, but the output is {output} and the target {target}"
    )


def test_top_k_of_all_classes() -> None:
    with pytest.raises(BuildError) as caught:
        Metric.registry.build({"top_k": 3}).check(of(3), of(dtype=INT))
    assert caught.value.message == "of 3 classes the label is always among the 3 largest"
    assert (caught.value.hint, caught.value.path) == ("k must be less than 3", ("k",))
