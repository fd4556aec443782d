"""Files that `predict` reads and writes."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data.exchange import read_features, write_outputs
from netwright.runtime.errors import EnvironmentProblem

ENDINGS = ".npz, .npy, .csv, .tsv, .tab, .parquet, .arrow, .feather"
X = {"name": "x", "dtype": "float32", "shape": [2]}
Y = {"name": "y", "dtype": "int64", "shape": [], "classes": 3}
OUTPUTS = {
    "p": np.array([[0.1, 0.9], [1e-8, 1.0]], np.float32),
    "label": np.array([1, 0]),
    "m": np.arange(8, dtype=np.float32).reshape(2, 2, 2) / 3,
}


def test_read_npz(tmp_path: Path) -> None:
    path = tmp_path / "in.npz"
    np.savez(path, x=np.ones((3, 2)), y=np.array([0, 1, 2]), extra=np.zeros(7))
    columns = read_features(path, [X, Y])
    batch = columns.take(slice(None))
    assert {name: (array.dtype.name, array.shape) for name, array in batch.items()} == {
        "x": ("float32", (3, 2)),
        "y": ("int64", (3,)),
    }


def test_read_npy(tmp_path: Path) -> None:
    path = tmp_path / "IN.NPY"
    with path.open("wb") as stream:
        np.save(stream, np.ones((3, 2)))
    assert read_features(path, [X]).rows == 3


def test_an_input_that_is_neither(tmp_path: Path, refuses) -> None:
    with refuses(f"{tmp_path}/a.txt: input must be a file ending in {ENDINGS}, received '.txt'"):
        read_features(tmp_path / "a.txt", [X])
    with refuses(f"{tmp_path}/a: input must be a file ending in {ENDINGS}, received 'a'"):
        read_features(tmp_path / "a", [X])


def test_one_array_for_two_features(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.ones((3, 2)))
    with refuses(
        f"{path}: a .npy file holds one array, but the model takes 'x' and 'y'",
        "give a .npz file with an array for each",
    ):
        read_features(path, [X, Y])


def test_a_missing_array(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, z=np.ones((3, 2)))
    with refuses(f"{path}: there is no array 'x'; it holds 'z'", "there is 'z'"):
        read_features(path, [X])
    np.savez(path)
    with refuses(f"{path}: there is no array 'x'; it holds nothing"):
        read_features(path, [X])


@pytest.mark.parametrize(
    ("array", "message", "hint"),
    [
        (
            np.ones(2),
            "array 'x' has the shape [2] of a single row",
            "the first axis counts rows: use array[numpy.newaxis]",
        ),
        (np.array(1.0), "array 'x' is a single value", "the first axis counts rows"),
        (np.ones((4, 3)), "array 'x': each row has the shape [3], but 'x' needs [2]", None),
        (np.array([[1, np.nan]]), "array 'x', row 0, position [1]: nan is not a finite number", None),
    ],
)
def test_arrays_a_model_cannot_take(tmp_path: Path, refuses, array: np.ndarray, message: str, hint: str | None) -> None:
    path = tmp_path / "a.npy"
    np.save(path, array)
    with refuses(f"{path}: {message}", hint):
        read_features(path, [X])


def test_no_rows(tmp_path: Path, refuses) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.ones((0, 2)))
    with refuses(f"{path}: there are no rows"):
        read_features(path, [X])


def test_a_scalar_feature_takes_a_plain_list_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([2, 1]))
    assert read_features(path, [Y]).rows == 2


def test_write_npz(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    write_outputs(path, {**OUTPUTS, "file": np.array([1, 2])})
    with np.load(path) as archive:
        assert list(archive) == ["p", "label", "m", "file"]
        np.testing.assert_array_equal(archive["m"], OUTPUTS["m"])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_outputs_are_as_readable_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_outputs(tmp_path / "out.csv", {"p": np.array([1])})
    assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_write_npy(tmp_path: Path) -> None:
    path = tmp_path / "out.npy"
    write_outputs(path, {"p": OUTPUTS["p"]})
    np.testing.assert_array_equal(np.load(path), OUTPUTS["p"])


def test_write_csv(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_outputs(path, {**OUTPUTS, 'odd,"name"': np.array([np.nan, 1.5])})
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["p[0]", "p[1]", "label", "m[0,0]", "m[0,1]", "m[1,0]", "m[1,1]", 'odd,"name"']
    assert rows[1][:3] == ["0.1", "0.9", "1"]
    assert rows[1][-1] == "nan"
    read = np.array([row[3:7] for row in rows[1:]], np.float32).reshape(2, 2, 2)
    np.testing.assert_array_equal(read, OUTPUTS["m"])


def test_write_json(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_outputs(path, OUTPUTS)
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["p"] == [[0.1, 0.9], [1e-08, 1.0]]
    assert read["label"] == [1, 0]
    np.testing.assert_array_equal(np.array(read["m"], np.float32), OUTPUTS["m"])


def test_json_has_no_nan(tmp_path: Path, refuses) -> None:
    path = tmp_path / "out.json"
    with refuses("output 'p' holds inf, which JSON cannot write", "write .npz, .npy or .csv"):
        write_outputs(path, {"p": np.array([1.0, np.inf])})
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be_written(tmp_path: Path, refuses) -> None:
    with refuses(
        f"{tmp_path}/out.txt: output must be a file ending in .npz, .npy, .csv or .json, received '.txt'",
    ):
        write_outputs(tmp_path / "out.txt", OUTPUTS)
    with refuses(
        f"{tmp_path}/out.npy: a .npy file holds one array, but the model gives 'p', 'label' and 'm'",
        "write .npz, .csv or .json",
    ):
        write_outputs(tmp_path / "out.npy", OUTPUTS)
    with refuses(f"{tmp_path}/none: there is no such folder"):
        write_outputs(tmp_path / "none" / "out.csv", OUTPUTS)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    write_outputs(path, {"p": np.array([1])})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    hint = "choose another folder, or make room and give write permission"
    with refuses(f"{path}: cannot be written: no space left on device", hint, kind=EnvironmentProblem):
        write_outputs(path, {"p": np.array([2])})
    assert json.loads(path.read_text(encoding="utf-8")) == {"p": [1]}
    assert list(tmp_path.iterdir()) == [path]
