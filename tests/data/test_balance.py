"""Over-sampling: every class equally often in an epoch, the same rows each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netwright.runtime.data.balance import repeated_rows
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.plan import Partitions, load_partitions, training_rows

X = {"name": "x", "dtype": "float32", "shape": []}
LABEL = {"name": "label", "dtype": "int64", "shape": [], "column": "y", "classes": 3}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_classes_become_equally_frequent(labels: list[int]) -> None:
    values = np.array(labels)
    rows = repeated_rows(values)
    most = np.bincount(values).max()
    assert {int(c) for c in np.bincount(values[rows]) if c} == {int(most)}
    counts = np.bincount(rows, minlength=len(labels))
    for label in set(labels):
        of_class = counts[values == label]
        assert of_class.max() - of_class.min() <= 1
        assert of_class.min() >= 1
    np.testing.assert_array_equal(repeated_rows(values), rows)


def load(
    labels: list[int], targets: list[Any], split: dict[str, Any] | None = None, by: str | None = None
) -> Partitions:
    source = {"table": {"values": {"x": list(range(len(labels))), "y": labels}}}
    data = {"source": source, "split": split or {}, "balance": {"method": "oversample", "by": by}}
    return load_partitions(data, [X], targets, Path())


def test_only_the_epoch_of_training_repeats_rows() -> None:
    labels = [0] * 16 + [1] * 3 + [2] * 1
    parts = load(labels, [LABEL])
    assert parts.train.rows == 20
    assert parts.epoch is not None
    assert np.bincount(parts.epoch.take(slice(None))["label"]).tolist() == [16, 16, 16]
    orders = [[b["x"].tolist() for b in Batches(parts.epoch, 7, shuffle=True, seed=2).epoch(3, at)] for at in (0, 2)]
    assert orders[0][2:] == orders[1]
    assert load(labels, [LABEL]).epoch is not None


def test_schedules_know_how_long_the_epoch_is() -> None:
    labels = [0] * 30 + [1] * 10
    source = {"table": {"values": {"x": list(range(40)), "y": labels}}}
    for split in ({}, {"test": 0.25, "seed": 3}, {"test": 0.25, "stratify": "label"}):
        epoch = load(labels, [LABEL], split).epoch
        assert epoch is not None
        plan = {
            "source": source,
            "split": split,
            "balance": {"method": "oversample", "column": "y", "stratify": split.get("stratify") and "y"},
        }
        assert training_rows(plan, Path(), ["x", "y"]) == epoch.rows


@pytest.mark.parametrize(
    ("targets", "by", "message", "hint"),
    [
        ([LABEL], "lable", "data.balance: there is no target 'lable'", "did you mean 'label'?"),
        (
            [LABEL, {**X, "name": "z", "column": "x"}],
            "z",
            "data.balance: the target 'z' is not one class for each row",
            "balance by a target of classes",
        ),
        (
            [LABEL, {**LABEL, "name": "kind"}],
            None,
            "data.balance needs a target of classes, and there are several: 'label' and 'kind'",
            "say which: balance: {by: …}",
        ),
        (
            [{**X, "name": "z", "column": "x"}],
            None,
            "data.balance needs a target of classes, and there is none",
            "balancing is for classification",
        ),
    ],
)
def test_targets_that_cannot_be_balanced(refuses, targets: list[Any], by: str | None, message: str, hint: str) -> None:
    with refuses(message, hint):
        load([0, 1, 2, 0], targets, by=by)
