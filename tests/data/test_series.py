"""Examples cut from series: what each holds, where it belongs, what missing numbers do, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netwright.runtime.data.exchange import read_features
from netwright.runtime.data.plan import Partitions, load_partitions

NAN = float("nan")
HISTORY = {"name": "history", "column": "y", "dtype": "float32", "shape": [3]}
FUTURE = {"name": "future", "column": "y", "dtype": "float32", "shape": [2]}
SERIES = {"length": 3, "horizon": 2}


def cut(
    values: dict[str, list[Any]],
    *,
    series: dict[str, Any] = SERIES,
    split: dict[str, float] | None = None,
    features: tuple[dict[str, Any], ...] = (HISTORY,),
    targets: tuple[dict[str, Any], ...] = (FUTURE,),
    **parts: dict[str, list[Any]],
) -> Partitions:
    data = {"source": {"table": {"values": values, **parts}}, "split": split or {}, "series": series}
    return load_partitions(data, features, targets, Path())


def rows_of(partitions: Partitions, part: str = "train") -> dict[str, list[Any]]:
    return {name: array.tolist() for name, array in partitions.by_name()[part].take(slice(None)).items()}


def counting(rows: int) -> dict[str, list[Any]]:
    return {"y": [float(row) for row in range(rows)]}


def test_features_are_rows_in_a_row_and_targets_those_after_them() -> None:
    found = cut(counting(7)).train
    assert rows_of(cut(counting(7))) == {
        "history": [[0, 1, 2], [1, 2, 3], [2, 3, 4]],
        "future": [[3, 4], [4, 5], [5, 6]],
    }
    assert (found.rows, found.names, found.row_bytes) == (3, ("history", "future"), 20)
    assert found.take(np.array([2, 0]))["future"].tolist() == [[5, 6], [3, 4]]


def test_a_stride_leaves_examples_out() -> None:
    assert rows_of(cut(counting(10), series={**SERIES, "stride": 2}))["future"] == [[3, 4], [5, 6], [7, 8]]


def test_the_last_rows_are_the_test_data_and_those_before_them_the_validation_data() -> None:
    parts = cut(counting(20), split={"validation": 0.2, "test": 0.25})
    assert parts.rows() == {"train": 7, "validation": 3, "test": 4}
    assert rows_of(parts)["future"][-1] == [9, 10]
    assert rows_of(parts, "validation")["future"] == [[11, 12], [12, 13], [13, 14]]
    assert rows_of(parts, "test") == {
        "history": [[12, 13, 14], [13, 14, 15], [14, 15, 16], [15, 16, 17]],
        "future": [[15, 16], [16, 17], [17, 18], [18, 19]],
    }


@given(
    rows=st.integers(30, 60),
    length=st.integers(1, 6),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 4),
    validation=st.sampled_from([0.0, 0.2]),
    test=st.sampled_from([0.0, 0.3]),
)
def test_no_target_of_a_part_is_seen_in_an_earlier_one(
    rows: int, length: int, horizon: int, stride: int, validation: float, test: float
) -> None:
    parts = cut(
        counting(rows),
        series={"length": length, "horizon": horizon, "stride": stride},
        split={"validation": validation, "test": test},
        features=({**HISTORY, "shape": [length]},),
        targets=({**FUTURE, "shape": [horizon]},),
    )
    latest = -1.0
    for part in parts.by_name():
        found = parts.by_name()[part].take(slice(None))
        assert (np.diff(np.concatenate([found["history"], found["future"]], 1)) == 1).all()
        assert (np.diff(found["history"][:, 0]) == stride).all()
        assert found["future"].min() > latest
        latest = max(latest, float(found["history"].max()), float(found["future"].max()))
    assert latest > rows - 1 - stride


def test_partitions_of_the_source_are_series_of_their_own() -> None:
    parts = cut(counting(6), test={"y": [10.0, 11.0, 12.0, 13.0, 14.0]})
    assert rows_of(parts, "test") == {"history": [[10, 11, 12]], "future": [[13, 14]]}


def test_several_columns_and_shapes() -> None:
    values = {"y": [0.0, 1.0, 2.0, 3.0], "x": [0, 10, 20, 30], "pair": [[k, -k] for k in range(4)]}
    found = rows_of(
        cut(
            values,
            series={"length": 2},
            features=(
                {"name": "both", "column": ["y", "x"], "dtype": "float32", "shape": [2, 2]},
                {"name": "pair", "dtype": "int64", "shape": ["time", 2]},
                {"name": "column", "column": "y", "dtype": "float32", "shape": [2, 1]},
            ),
            targets=(
                {"name": "next", "column": "x", "dtype": "int64", "shape": [], "classes": 31},
                {"name": "level", "column": "y", "dtype": "float32", "shape": [1]},
            ),
        )
    )
    assert found == {
        "both": [[[0, 0], [1, 10]], [[1, 10], [2, 20]]],
        "pair": [[[0, 0], [1, -1]], [[1, -1], [2, -2]]],
        "column": [[[0], [1]], [[1], [2]]],
        "next": [20, 30],
        "level": [[2], [3]],
    }


MISSING: dict[str, list[Any]] = {"y": [NAN, 1.0, 2.0, NAN, 4.0, 5.0, 6.0, 7.0, 8.0, NAN, NAN]}


def test_examples_with_a_missing_number_are_dropped() -> None:
    found = rows_of(cut(MISSING, series={**SERIES, "missing": "drop"}))
    assert found == {"history": [[4, 5, 6]], "future": [[7, 8]]}


def test_the_previous_number_stands_for_a_missing_feature_and_never_for_a_target() -> None:
    found = rows_of(cut(MISSING, series={**SERIES, "missing": "previous"}))
    assert found == {
        "history": [[1, 2, 2], [2, 2, 4], [2, 4, 5], [4, 5, 6]],
        "future": [[4, 5], [5, 6], [6, 7], [7, 8]],
    }


def test_a_missing_number_that_nothing_is_said_about(refuses: Any) -> None:
    hint = "say what to do: `series: {…, missing: previous}` or `missing: drop`"
    with refuses("data source 'table', column 'y', row 0: has no value (and 3 more rows)", hint):
        cut(MISSING)
    with refuses("data source 'table', column 'y', row 5: has no value", hint):
        cut({"y": [0.0, 1.0, 2.0, 3.0, 4.0, NAN]})


def test_a_series_that_is_too_short(refuses: Any) -> None:
    hint = "shorten data.series, or give the part more rows"
    with refuses(
        "data source 'table': 4 rows of train data make no example of 3 + 2 rows without missing values", hint
    ):
        cut(counting(4))
    with refuses("data source 'table': 1 row of test data make no example of 3 + 2 rows without missing values", hint):
        cut(counting(10), split={"test": 0.1})


def test_what_does_not_fit(refuses: Any) -> None:
    with refuses(
        "data source 'table': each example has the shape [3], but 'history' needs [4]",
        "data.series.length rows make a feature, data.series.horizon rows a target",
    ):
        cut(counting(9), features=({**HISTORY, "shape": [4]},))
    with refuses("data source 'table': there is no column 'z' for 'history'; the columns are 'y'", "there is 'y'"):
        cut(counting(9), features=({**HISTORY, "column": "z"},))
    with refuses("data source 'table', column 'y', row 2: inf is not a finite number"):
        cut({"y": [0.0, 1.0, float("inf"), 3.0, 4.0]})


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["y", *lines, ""]))
    return str(path)


def test_a_table_keeps_missing_numbers_for_the_series(tmp_path: Path, refuses: Any) -> None:
    pytest.importorskip("pyarrow")
    path = write(tmp_path / "series.csv", "1", "2", "NA", "4", "5", "6")
    plan = {"source": {"csv": {"path": path, "missing": "keep"}}, "series": {**SERIES, "missing": "previous"}}
    found = load_partitions(plan, [HISTORY], [FUTURE], Path())
    assert rows_of(found) == {"history": [[1, 2, 2], [2, 2, 4]], "future": [[4, 5], [5, 6]]}
    with refuses(
        "data source 'csv': `missing: mean` is for rows without an order, but data.series has one",
        "write `missing: keep`, and data.series.missing",
    ):
        load_partitions({**plan, "source": {"csv": {"path": path, "missing": "mean"}}}, [HISTORY], [FUTURE], Path())
    with refuses(f"{path}, column 'y': text cannot stay missing", "say error, drop, or a text to fill in"):
        write(tmp_path / "series.csv", "a", "NA")
        load_partitions(plan, [HISTORY], [FUTURE], Path())


def test_a_series_that_is_read_block_by_block(tmp_path: Path, refuses: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "series.parquet"
    parquet.write_table(pa.table(counting(9)), path)
    plan = {"source": {"parquet": {"path": str(path), "stream": True}}, "series": SERIES}
    with refuses(
        "data source 'parquet': data.series need the whole series in memory, but it is read block by block",
        "set `stream: false`",
    ):
        load_partitions(plan, [HISTORY], [FUTURE], Path())
    plan["source"] = {"parquet": {"path": str(path), "stream": False}}
    assert load_partitions(plan, [HISTORY], [FUTURE], Path()).train.rows == 5


def test_a_forecast_is_for_every_window_and_the_last_ends_with_the_table(tmp_path: Path, refuses: Any) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "new.csv"
    write(path, "1", "2", "NA", "4", "5")
    series = {**SERIES, "missing": "previous"}
    found = read_features(path, [HISTORY], "co2", series).take(slice(None))
    assert found["history"].tolist() == [[1, 2, 2], [2, 2, 4], [2, 4, 5]]
    every_other = read_features(path, [HISTORY], "co2", {**series, "stride": 2}).take(slice(None))
    assert every_other["history"].tolist() == [[1, 2, 2], [2, 4, 5]]
    with refuses(
        f"{path}: 5 rows have no 6 in a row without missing values",
        "give it the rows that come before what is to be predicted",
    ):
        read_features(path, [{**HISTORY, "shape": [6]}], None, {**series, "length": 6})
    with refuses(
        f"{path}, column 'y', row 2: has no value",
        "say what to do: `series: {…, missing: previous}` or `missing: drop`",
    ):
        read_features(path, [HISTORY], None, SERIES)
