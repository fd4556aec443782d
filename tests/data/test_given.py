"""Arrays and functions as data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netwright.runtime.data as data_package
import numpy as np
import pytest
from netwright.runtime import Predictor, evaluate, load_bundle, select, train
from netwright.runtime.data import from_arrays, from_callable
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.plan import Partitions

BatchDict = dict[str, np.ndarray]


def test_names_are_imported_when_they_are_used() -> None:
    with pytest.raises(AttributeError) as caught:
        data_package.from_nothing  # noqa: B018
    assert str(caught.value) == "module 'netwright.runtime.data' has no attribute 'from_nothing'"


def test_arrays_lists_and_splits() -> None:
    parts = from_arrays({"x": [[1, 2]] * 10, "label": [0, 1] * 5}, split={"test": 0.2, "stratify": "label", "seed": 1})
    assert parts.rows() == {"train": 8, "test": 2}
    assert parts.test is not None
    assert sorted(parts.test.take(slice(None))["label"].tolist()) == [0, 1]
    own = from_arrays({"x": [1]}, validation={"x": [2]}, test={"x": [3, 4]})
    assert own.rows() == {"train": 1, "validation": 1, "test": 2}


def test_text_arrays() -> None:
    for texts in (["a", "bc"], np.array(["a", "bc"], dtype=object), np.array(["a", "bc"])):
        assert from_arrays({"text": texts}).train.take(slice(None))["text"].dtype == np.dtypes.StringDType()


@pytest.mark.parametrize(
    ("arguments", "split", "message", "hint"),
    [
        (
            {"train": {"x": [1], "y": [1, 2]}},
            None,
            "the train data: the columns differ in their number of rows: 'x' has 1, 'y' has 2",
            None,
        ),
        (
            {"train": {"x": [[1], [1, 2]]}},
            None,
            "the train data, column 'x': its rows differ in shape",
            "every row of a column has the same shape",
        ),
        ({"train": {"x": [1]}}, {"tets": 0.1}, "split has no key 'tets'", "did you mean 'test'?"),
        (
            {"train": {"x": [1]}, "test": {"x": [1]}},
            {"test": 0.1},
            "data.split.test is 0.1, but data source 'given' brings its own test data (1 row)",
            "leave data.split.test out",
        ),
        (
            {"train": {"x": [1, 2]}},
            {"test": 0.5, "stratify": "y"},
            "split.stratify: there is no column 'y'",
            "there is 'x'",
        ),
        (
            {"train": {"x": [1.5, 2]}},
            {"test": 0.5, "stratify": "x"},
            "split.stratify: 'x' is not a column of classes (dtype float64)",
            None,
        ),
    ],
)
def test_arrays_that_are_refused(
    refuses, arguments: dict[str, Any], split: dict[str, Any] | None, message: str, hint: str | None
) -> None:
    with refuses(message, hint):
        from_arrays(**arguments, split=split)


def counting(epoch: int) -> Iterator[BatchDict]:
    """Ten rows, in batches of 4, 3, 3."""
    for start, stop in ((0, 4), (4, 7), (7, 10)):
        yield {"x": np.arange(start, stop) + 100 * epoch}


@pytest.mark.parametrize("size", [1, 3, 4, 5, 10, 99])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_batches_are_cut_to_size_and_resume(size: int, prefetch: int) -> None:
    parts = from_callable(counting, 10)
    batches = Batches(parts.train, size, shuffle=True, prefetch=prefetch)
    taken = [b["x"].tolist() for b in batches.epoch(2)]
    assert [row for rows in taken for row in rows] == list(range(200, 210))
    assert [len(rows) for rows in taken[:-1]] == [size] * (len(taken) - 1)
    assert [b["x"].tolist() for b in batches.epoch(2, start_step=1)] == taken[1:]
    prepared = list(batches.epoch(2, prepare=lambda batch: int(batch["x"].sum())))
    assert prepared == [sum(rows) for rows in taken]
    assert parts.train.take(np.array([3, 1]))["x"].tolist() == [3, 1]


def made_of(*batches: Any) -> Any:
    return lambda epoch: iter(batches)


@pytest.mark.parametrize(
    ("batches", "rows", "message", "hint"),
    [
        ([{"x": np.ones(2)}], 0, "the callable: rows must be at least 1, received 0", None),
        (
            [np.ones(2)],
            2,
            "the callable, epoch 0: gave ndarray, not a batch",
            "yield dictionaries: column name -> array",
        ),
        (
            [{"x": np.ones(2), "y": np.ones(1)}],
            2,
            "the callable, epoch 0, after 0 rows: the columns differ in their number of rows: 'x' has 2, 'y' has 1",
            None,
        ),
        (
            [{"x": np.ones(2)}, {"z": np.ones(2)}],
            4,
            "the callable, epoch 0, after 2 rows: gave the columns 'z', before 'x'",
            None,
        ),
        (
            [{"x": np.ones(2)}],
            4,
            "the callable, epoch 0: gave 2 rows instead of the 4 that were promised",
            "state with `rows` how many an epoch has",
        ),
        (
            [{"x": np.ones(2)}, {"x": np.ones(1)}],
            2,
            "the callable, epoch 0: gave more than the 2 rows that were promised",
            "state with `rows` how many an epoch has",
        ),
        (
            [],
            2,
            "the callable, epoch 0: gave 0 rows instead of the 2 that were promised",
            "state with `rows` how many an epoch has",
        ),
    ],
)
def test_functions_that_are_refused(refuses, batches: list[Any], rows: int, message: str, hint: str | None) -> None:
    with refuses(message, hint):
        list(Batches(from_callable(made_of(*batches), rows).train, 2).epoch(0))


def digits(rows: int, seed: int) -> BatchDict:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 10, rows)
    image = np.zeros((rows, 8, 8))
    image.reshape(rows, 64)[np.arange(rows), label * 6] = 1.0
    return {"image": image, "label": label.astype(np.int32)}


def test_training_on_arrays_of_other_dtypes(bundle_folder, tmp_path: Path) -> None:
    """float64 images and int32 labels are cast as data from a source are."""
    folder = bundle_folder("digits_mlp")
    parts = from_arrays(digits(400, 0), test=digits(100, 1), split={"validation": 0.1})
    summary = train(folder, tmp_path / "run", partitions=parts)
    assert summary.test is not None
    assert summary.test["accuracy"] == 1.0
    assert evaluate(tmp_path / "run", partitions=parts)["test"] == pytest.approx(summary.test)
    images = digits(5, 2)
    found = Predictor(load_bundle(tmp_path / "run" / "bundle"), select("cpu")).predict(
        {"image": images["image"].astype(np.float32)}
    )
    assert found["probabilities"].argmax(axis=1).tolist() == images["label"].tolist()


def test_training_on_a_function(bundle_folder, tmp_path: Path) -> None:
    def make(epoch: int) -> Iterator[BatchDict]:
        for part in range(4):
            yield digits(100, 10 * epoch + part)

    parts = from_callable(make, 400, validation=digits(50, 1000), test=ArrayColumns(digits(50, 1001)))
    summary = train(bundle_folder("digits_mlp"), tmp_path / "run", partitions=parts)
    assert summary.test is not None
    assert summary.test["accuracy"] == 1.0


def test_given_data_are_checked(bundle_folder, tmp_path: Path, refuses) -> None:
    folder = bundle_folder("digits_mlp")
    bad = digits(20, 0)
    bad["label"][7] = 10
    with refuses("the train data, column 'label', row 7: 10 is not a class of 'label', which has the classes 0 to 9"):
        train(folder, tmp_path / "run", partitions=from_arrays(bad))
    with refuses("the train data have no column 'label'"):
        train(folder, tmp_path / "run", partitions=Partitions(ArrayColumns({"image": bad["image"]}), None, None))
