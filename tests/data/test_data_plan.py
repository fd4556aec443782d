"""From a manifest's data plan to partitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.data.plan import Partitions, load_partitions, training_rows

FEATURES = [{"name": "image", "dtype": "float32", "shape": [8, 8], "column": "image"}]
TARGETS = [{"name": "label", "dtype": "int64", "shape": [], "column": "label", "classes": 10}]


def load(
    source: Any,
    features: list[dict[str, Any]],
    targets: list[dict[str, Any]] | None = None,
    base: Path = Path(),
    **split: Any,
) -> Partitions:
    return load_partitions({"source": source, "split": split}, features, targets or [], base)


def x(**more: Any) -> dict[str, Any]:
    return {"name": "x", "dtype": "float32", "shape": [], **more}


def test_digits() -> None:
    parts = load("digits", FEATURES, TARGETS, validation=0.1, test=0.2, seed=0, stratify="label")
    assert parts.rows() == {"train": 1258, "validation": 180, "test": 359}
    assert parts.test is not None
    batch = parts.test.take(slice(None))
    assert list(batch) == ["image", "label"]
    assert (batch["image"].dtype, batch["image"].shape, batch["label"].dtype) == (np.float32, (359, 8, 8), np.int64)
    whole = np.bincount(load("digits", FEATURES, TARGETS).train.take(slice(None))["label"])
    share = np.bincount(batch["label"])
    assert (np.abs(share - whole * 359 / 1797) < 1).all()


def test_partitions_are_disjoint_complete_and_repeatable() -> None:
    source = {"table": {"values": {"x": list(range(50))}}}
    first, second = (load(source, [x()], validation=0.1, test=0.2, seed=3) for _ in range(2))
    rows = [part.take(slice(None))["x"].tolist() for part in (first.train, first.validation, first.test) if part]
    assert sorted(row for part in rows for row in part) == list(range(50))
    assert [len(part) for part in rows] == [35, 5, 10]
    assert second.train.take(slice(None))["x"].tolist() == rows[0]
    other = load(source, [x()], validation=0.1, test=0.2, seed=4)
    assert other.train.take(slice(None))["x"].tolist() != rows[0]


def test_names_follow_the_bundle_and_columns_the_source() -> None:
    source = {"table": {"values": {"pixels": [1, 2], "digit": [0, 1]}}}
    parts = load(source, [x(column="pixels")], [{"name": "y", "dtype": "int64", "shape": [1], "column": "digit"}])
    batch = parts.train.take(slice(None))
    assert {name: (array.dtype.name, array.shape) for name, array in batch.items()} == {
        "x": ("float32", (2,)),
        "y": ("int64", (2, 1)),
    }


def test_a_test_partition_of_the_source_is_respected() -> None:
    source = {"table": {"values": {"x": list(range(10))}, "test": {"x": [100, 101]}}}
    parts = load(source, [x()], validation=0.2)
    assert parts.rows() == {"train": 8, "validation": 2, "test": 2}
    assert parts.test is not None
    assert parts.test.take(slice(None))["x"].tolist() == [100, 101]
    assert load_partitions({"source": source}, [x()], [], Path()).rows() == {"train": 10, "test": 2}
    assert load(source, [x()], test=None, validation=0).rows() == {"train": 10, "test": 2}


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_partition_cannot_come_from_two_places(refuses, part: str) -> None:
    source = {"table": {"values": {"x": list(range(10))}, part: {"x": [100]}}}
    with refuses(
        f"data.split.{part} is 0.2, but data source 'table' brings its own {part} data (1 row)",
        f"leave data.split.{part} out",
    ):
        load(source, [x()], **{part: 0.2})


@pytest.mark.parametrize("split", [None, {}, {"test": 0.2}, {"validation": 0.1, "test": 0.2, "seed": 5}])
def test_the_training_rows_are_known_without_loading(split: dict[str, Any] | None) -> None:
    rows = {"x": list(range(57))}
    data = {"source": {"table": {"values": rows}}, "split": split}
    assert training_rows(data, Path()) == load_partitions(data, [x()], [], Path()).train.rows


def test_the_training_rows_beside_a_test_partition_of_the_source() -> None:
    source = {"table": {"values": {"x": list(range(57))}, "test": {"x": [1]}}}
    assert training_rows({"source": source, "split": {"validation": 0.1}}, Path()) == 51


def test_a_missing_column(refuses) -> None:
    with refuses(
        "data source 'digits': there is no column 'lable' for 'y'; the columns are 'image' and 'label'",
        "did you mean 'label'?",
    ):
        load("digits", FEATURES, [{"name": "y", "dtype": "int64", "shape": [], "column": "lable"}])
    with refuses(
        "data source 'digits': there is no column 'zzz' for 'y'; the columns are 'image' and 'label'",
        "there is 'image' and 'label'",
    ):
        load("digits", FEATURES, [{"name": "y", "dtype": "int64", "shape": [], "column": "zzz"}])


def test_all_problems_at_once(refuses) -> None:
    source = {
        "table": {
            "values": {"x": [1.0, float("nan")], "label": [0, 12]},
            "test": {"x": [1.0, 2.0]},
        }
    }
    with refuses(
        "data source 'table', train data, column 'x', row 1: nan is not a finite number\n"
        "data source 'table', train data, column 'label', row 1: 12 is not a class of 'label',"
        " which has the classes 0 to 9\n"
        "data source 'table', test data: there is no column 'label' for 'label'; the columns are 'x'",
        "there is 'x'",
    ):
        load(source, [x()], TARGETS)


def test_a_wrong_shape(refuses) -> None:
    with refuses("data source 'digits', column 'image': each row has the shape [8, 8], but 'image' needs [64]"):
        load("digits", [{**FEATURES[0], "shape": [64]}])


def test_a_split_that_cannot_be_made(refuses) -> None:
    with refuses("data.split: 0.1 of 2 rows is not a single row"):
        load({"table": {"values": {"x": [1, 2]}}}, [x()], test=0.1)


def test_stratify_by_something_unknown(refuses) -> None:
    with refuses("data.split.stratify: there is no feature or target 'labels'", "did you mean 'label'?"):
        load("digits", FEATURES, TARGETS, test=0.2, stratify="labels")


def test_stratify_by_classes_that_a_loss_for_yes_or_no_has_as_floats() -> None:
    """Each part has its share of the ones, as if the target were whole numbers."""
    source = {"table": {"values": {"x": list(range(100)), "spam": [0] * 80 + [1] * 20}}}
    target = {"name": "spam", "dtype": "float32", "shape": [1], "column": "spam"}
    parts = load(source, [x()], [target], test=0.5, stratify="spam")
    assert parts.test is not None
    assert parts.test.take(slice(None))["spam"].sum() == parts.train.take(slice(None))["spam"].sum() == 10


def test_stratify_by_something_that_is_no_class(refuses) -> None:
    with refuses(
        "data.split.stratify: 'image' is not a column of classes (dtype float32, row shape [8, 8])",
        "stratify by a target of whole numbers from 0 on, or leave it out",
    ):
        load("digits", FEATURES, TARGETS, test=0.2, stratify="image")
