"""The sources a spec can name: what they load, what they say beforehand, and how they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from netwright.runtime.data import ColumnInfo, Dataset, DataSource, build_source, source_schema, sources
from netwright.runtime.data import source as source_module
from netwright.runtime.data.columns import ArrayColumns, Columns, describe_columns
from netwright.schema import Registry


def arrays(columns: Columns | None) -> dict[str, np.ndarray]:
    assert columns is not None
    return columns.take(slice(None))


def valid(entry: object) -> bool:
    return jsonschema.Draft202012Validator(source_schema()).is_valid(entry)


def test_every_source_is_registered() -> None:
    """By the name of its file; what packages register from elsewhere does not count here."""
    source_schema()
    (folder,) = (Path(path) for path in sources.__path__)
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    ours = {kind for kind, cls in DataSource.registry.items() if cls.__module__.startswith(sources.__name__)}
    assert ours == files
    assert {"digits", "idx", "mnist", "npy", "npz", "synthetic_linear", "table", "csv", "image_folder"} <= ours


def test_the_schema_needs_no_numpy() -> None:
    code = (
        "import sys; from netwright.runtime.data import source_schema; source_schema();"
        "unwanted = ('numpy', 'gzip', 'pyarrow', 'PIL', 'onnxruntime', 'yaml', 'jsonschema');"
        "print([m for m in unwanted if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        ("digits", True),
        ({"digits": {}}, True),
        ("mnist", True),
        ({"npz": "rows.npz"}, True),
        ({"npz": {"path": "rows.npz", "test": "more.npz"}}, True),
        ({"npy": {"columns": {"x": "x.npy"}}}, True),
        ({"synthetic_linear": {"weights": [1, 2.5]}}, True),
        ({"table": {"values": {"x": [[0, 1]], "y": [1]}}}, True),
        ("npz", False),
        ({"npz": {"file": "rows.npz"}}, False),
        ({"idx": {"images": "a"}}, False),
        ({"npy": {"columns": {"x": 3}}}, False),
        ({"synthetic_linear": {"weights": []}}, False),
        ({"table": {"values": {}}}, False),
        ({"table": {"values": {"x": []}}}, False),
        ("iris", True),
        ("irises", False),
    ],
)
def test_the_schema(entry: object, good: bool) -> None:
    assert valid(entry) is good


def test_an_unknown_source(refuses) -> None:
    with refuses("data source 'digit' does not exist", "did you mean 'digits'?"):
        build_source("digit")


def test_an_unknown_field(refuses) -> None:
    with refuses("data source 'npz' has no field 'pathh'", "did you mean 'path'?"):
        build_source({"npz": {"pathh": "a"}})
    with refuses("data source 'digits' has no field 'scale'", None):
        build_source({"digits": {"scale": True}})


def test_digits() -> None:
    """The bundled file equals scikit-learn's copy, scaled to 0 … 1."""
    sklearn = pytest.importorskip("sklearn.datasets")
    theirs = sklearn.load_digits()
    data = build_source("digits").load(Path("anywhere"))
    ours = arrays(data.train)
    assert (data.validation, data.test) == (None, None)
    assert (ours["image"].dtype, ours["label"].dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(ours["image"] * 16, theirs.images)
    np.testing.assert_array_equal(ours["label"], theirs.target)


def test_digits_description_and_licence() -> None:
    description = build_source("digits").describe(Path("anywhere"))
    assert description.rows == {"train": 1797}
    assert description.columns == {"image": ColumnInfo("float32", (8, 8)), "label": ColumnInfo("int64", (), 10)}
    (folder,) = sources.__path__
    assert "CC BY 4.0" in (Path(folder) / "DIGITS.md").read_text(encoding="utf-8")


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((4, 2)), y=np.array([0, 2, 1, 0]))
    np.savez(tmp_path / "b.npz", x=np.zeros((2, 2)), y=np.array([5, 0]))
    np.savez(tmp_path / "c.npz", x=np.zeros((1, 2)), y=np.array([0]))
    source = build_source({"npz": {"path": "a.npz", "test": "b.npz", "validation": "c.npz"}})
    data = source.load(tmp_path)
    np.testing.assert_array_equal(arrays(data.train)["y"], [0, 2, 1, 0])
    np.testing.assert_array_equal(arrays(data.test)["y"], [5, 0])
    assert source.describe(tmp_path).rows == {"train": 4, "validation": 1, "test": 2}
    assert source.describe(tmp_path).columns == {"x": ColumnInfo("float64", (2,)), "y": ColumnInfo("int64", (), 6)}
    assert build_source({"npz": "a.npz"}).load(tmp_path).test is None
    assert build_source({"npz": str(tmp_path / "a.npz")}).load(Path("elsewhere")).train.rows == 4


def test_npz_of_unequal_lengths(tmp_path: Path, refuses) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((4, 2)), y=np.array([0, 2, 1]))
    source = build_source({"npz": "a.npz"})
    for use in (source.load, source.describe):
        with refuses(
            f"{tmp_path}/a.npz: the columns differ in their number of rows: 'x' has 4, 'y' has 3",
        ):
            use(tmp_path)


@pytest.mark.parametrize(
    ("columns", "message", "hint"),
    [
        ({}, "there are no columns", None),
        ({"x": np.ones((0, 2))}, "there are no rows", None),
        ({"x": np.ones(2), "y": np.array(1)}, "column 'y' is a single value", "a column needs one value for each row"),
    ],
)
def test_empty_npz(tmp_path: Path, refuses, columns: dict[str, np.ndarray], message: str, hint: str | None) -> None:
    np.savez(tmp_path / "a.npz", **columns)
    source = build_source({"npz": "a.npz"})
    for use in (source.load, source.describe):
        with refuses(f"{tmp_path}/a.npz: {message}", hint):
            use(tmp_path)


def test_npy(tmp_path: Path, refuses) -> None:
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "x.npy", np.ones((3, 2), np.float32))
    np.save(tmp_path / "deep" / "y.npy", np.array([0, -2, 1]))
    np.save(tmp_path / "short.npy", np.array([0]))
    source = build_source({"npy": {"columns": {"x": "x.npy", "y": "deep/y.npy"}, "test": {"x": "x.npy"}}})
    data = source.load(tmp_path)
    np.testing.assert_array_equal(arrays(data.train)["y"], [0, -2, 1])
    assert list(arrays(data.test)) == ["x"]
    description = source.describe(tmp_path)
    assert description.rows == {"train": 3, "test": 3}
    assert description.columns == {"x": ColumnInfo("float32", (2,)), "y": ColumnInfo("int64", ())}
    wrong = build_source({"npy": {"columns": {"x": "x.npy", "y": "short.npy"}}})
    for use in (wrong.load, wrong.describe):
        with refuses(
            "data source 'npy', train: the columns differ in their number of rows: 'x' has 3, 'y' has 1",
        ):
            use(tmp_path)


def test_synthetic_linear() -> None:
    fields = {"weights": [3, -2], "bias": 0.5, "rows": 200, "seed": 4}
    data = arrays(build_source({"synthetic_linear": fields}).load(Path()).train)
    assert (data["x"].shape, data["x"].dtype, data["y"].shape, data["y"].dtype) == ((200, 2), "f4", (200,), "f4")
    np.testing.assert_allclose(data["y"], data["x"] @ np.array([3, -2]) + 0.5, atol=1e-5)
    again = arrays(build_source({"synthetic_linear": fields}).load(Path()).train)
    np.testing.assert_array_equal(again["x"], data["x"])
    other = arrays(build_source({"synthetic_linear": {**fields, "seed": 5}}).load(Path()).train)
    assert not np.array_equal(other["x"], data["x"])
    noisy = arrays(build_source({"synthetic_linear": {**fields, "rows": 4000, "noise": 0.1}}).load(Path()).train)
    residual = noisy["y"] - noisy["x"] @ np.array([3, -2]) - 0.5
    assert 0.095 < residual.std() < 0.105


def test_table() -> None:
    values = {"x": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0], "z": [0.5, 1, 2, 3], "b": [True, False] * 2}
    source = build_source({"table": {"values": values, "test": {"x": [[1, 1]]}}})
    data = arrays(source.load(Path()).train)
    assert {name: array.dtype.name for name, array in data.items()} == {
        "x": "int64",
        "y": "int64",
        "z": "float64",
        "b": "bool",
    }
    np.testing.assert_array_equal(data["x"], values["x"])
    description = source.describe(Path())
    assert description.rows == {"train": 4, "test": 1}
    assert description.columns["y"].classes == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1], [1]], ", row 1: has the shape [1], row 0 has [2]"),
        ([0, [1]], ", row 1: has the shape [1], row 0 has []"),
        ([[0, 1], [1, "a"]], ", row 1: its lists differ in length or hold something that is not a number"),
        ([[[0, 1], [1]]], ", row 0: its lists differ in length or hold something that is not a number"),
        ([0, None], ", row 1: its lists differ in length or hold something that is not a number"),
        ([0, 10**30], ", row 1: holds a whole number that does not fit int64"),
        ([[0], [2**63]], ", row 1: holds a whole number that does not fit int64"),
        ([0.5, 10**400], ", row 1: holds a whole number that does not fit int64"),
    ],
)
def test_tables_that_are_none(refuses, rows: list[object], message: str) -> None:
    source = build_source({"table": {"values": {"x": rows}}})
    with refuses(f"data source 'table', train, column 'x'{message}"):
        source.load(Path())


def test_a_new_source_is_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a contributor writes; description and schema come by themselves."""
    monkeypatch.setattr(DataSource, "registry", Registry("data source"))
    from dataclasses import dataclass

    @DataSource.registry.register("three")
    @dataclass(frozen=True, kw_only=True)
    class Three(DataSource):
        """Three rows."""

        def load(self, base: Path) -> Dataset:
            return Dataset(ArrayColumns({"x": np.array([0, 1, 2])}))

    monkeypatch.setattr(source_module, "_find_sources", lambda: None)
    assert build_source("three").describe(Path()).columns == {"x": ColumnInfo("int64", (), 3)}
    assert valid("three")


def test_classes_count_over_all_partitions() -> None:
    parts = [{"y": np.array([0, 1])}, {"y": np.array([3])}, {}]
    assert describe_columns(parts) == {"y": ColumnInfo("int64", (), 4)}
    assert describe_columns([{"y": np.array([0.0])}]) == {"y": ColumnInfo("float64", ())}


def test_columns_show_what_they_are() -> None:
    columns = ArrayColumns({"x": np.ones((1, 2), np.float32), "y": np.array([1])})
    assert repr(columns) == "ArrayColumns(1 row; x: float32[2], y: int64[])"
    assert (columns.names, columns.row_bytes) == (("x", "y"), 16)
