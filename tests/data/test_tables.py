"""CSV, Parquet and Arrow: what is read, how messy files behave, and what is said about those that cannot be read."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.data import ColumnInfo, build_source, source_schema
from netwright.runtime.data.plan import load_partitions, training_rows
from netwright.runtime.errors import EnvironmentProblem

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402
from pyarrow import feather  # noqa: E402

TEXT = np.dtypes.StringDType()


def read(source: Any, base: Path) -> dict[str, np.ndarray]:
    return build_source(source).load(base).train.take(slice(None))


def csv(tmp_path: Path, content: str | bytes, **fields: Any) -> dict[str, np.ndarray]:
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read({"csv": {"path": "a.csv", **fields}}, tmp_path)


def lists(columns: dict[str, np.ndarray]) -> dict[str, list[Any]]:
    return {name: values.tolist() for name, values in columns.items()}


# --- CSV: real files are messy -------------------------------------------------------------------------------------


def test_types(tmp_path: Path) -> None:
    found = csv(tmp_path, "a,b,c,d\n1,2.5,true,x\n-3,1e3,false,\u00e9t\u00e9\n")
    assert lists(found) == {"a": [1, -3], "b": [2.5, 1000.0], "c": [True, False], "d": ["x", "\u00e9t\u00e9"]}
    assert [values.dtype for values in found.values()] == [np.int64, np.float64, np.bool_, TEXT]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"\xef\xbb\xbfname,n\nJos\xc3\xa9,1\n", {}),
        (b"\xef\xbb\xbfname,n\r\nJos\xc3\xa9,1\r\n", {"encoding": "UTF8"}),
        (b"name,n\nJos\xe9,1\n", {"encoding": "latin-1"}),
        (b"name,n\nJos\xe9,1", {"encoding": "cp1252"}),
        ("name,n\nJos\u00e9,1\n".encode("utf-16"), {"encoding": "utf-16"}),
        (b"name;n\nJos\xc3\xa9;1\n", {"delimiter": ";"}),
        (b'"name","n"\n"Jos\xc3\xa9","1"\n', {}),
        (b"Jos\xc3\xa9,1\n", {"names": ["name", "n"]}),
    ],
)
def test_encodings_marks_and_delimiters(tmp_path: Path, content: bytes, fields: dict[str, Any]) -> None:
    assert lists(csv(tmp_path, content, **fields)) == {"name": ["Jos\u00e9"], "n": [1]}


def test_tabs_by_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\tb\n1,5\t2\n")
    assert lists(read({"csv": {"path": "a.tsv", "decimal_point": ","}}, tmp_path)) == {"a": [1.5], "b": [2]}


def test_quoted_line_ends_delimiters_and_marks(tmp_path: Path) -> None:
    found = csv(tmp_path, 'text,n\n"two\nlines, one ""value""",1\nplain,2\n')
    assert lists(found) == {"text": ['two\nlines, one "value"', "plain"], "n": [1, 2]}


def test_a_quoted_word_is_no_missing_value(tmp_path: Path) -> None:
    assert lists(csv(tmp_path, 'a,n\n"NA",1\n"",2\n')) == {"a": ["NA", ""], "n": [1, 2]}


def test_text_that_means_missing(tmp_path: Path) -> None:
    assert lists(csv(tmp_path, "n,m\n1,2\n?,3\n", missing_text=["?"], missing={"n": -1})) == {"n": [1, -1], "m": [2, 3]}


@pytest.mark.parametrize(
    ("content", "fields", "message", "hint"),
    [
        (b"", {}, "{file}: is empty", None),
        (b"a,b\n", {}, "{file}: there are no rows", None),
        (b"a,a\n1,2\n", {}, "{file}: two columns are called 'a'", "give every column a name of its own"),
        (
            b"a,b\n1,2\n1,2,3\n",
            {},
            "{file}, record 3: has 3 values, but there are 2 columns: '1,2,3'",
            "a value that holds the delimiter or a line end must be in quotation marks",
        ),
        (
            b"a;b\n1;2\n",
            {},
            "{file}: has one column, 'a;b'",
            "is the delimiter ';'? say so with `delimiter`",
        ),
        (
            b"name,n\nx,1\nJos\xe9,1\n",
            {},
            "{file}, line 3: is not utf-8: byte 0xe9",
            "say how it is encoded, for example `encoding: latin-1`",
        ),
        (
            b"a\n1\n",
            {"encoding": "klingon"},
            "{file}: there is no encoding 'klingon'",
            "there is utf-8, latin-1, cp1252, utf-16 …",
        ),
        (
            b"a\n1\n",
            {"delimiter": "--"},
            "data source 'csv': delimiter must be one ASCII character, received '--'",
            None,
        ),
        (
            b"a\n1\n",
            {"decimal_point": ""},
            "data source 'csv': decimal_point must be one ASCII character, received ''",
            None,
        ),
        (
            b"age,n\n1,2\nNA,3\n,4\n",
            {},
            "{file}, column 'age', row 1: the value is missing (and 1 more row)",
            "say what to do: `missing: {age: drop}` leaves such rows out, a number or `mean` is filled in",
        ),
        (
            b"a,n\nx,2\n,3\n",
            {"missing": {"a": "mean"}},
            "{file}, column 'a': text has no mean to fill in",
            "say error, drop, or a text to fill in",
        ),
        (
            b"a,n\nx,2\nx,\n",
            {"missing": {"n": "none"}},
            "{file}, column 'n': holds numbers, so missing ones cannot become 'none'",
            "fill in a number, or: error, drop, mean, keep",
        ),
        (
            b"a\n1\n",
            {"missing": {"aa": 0}},
            "data source 'csv', missing: {file} has no column 'aa'",
            "did you mean 'a'?",
        ),
        (
            b"a\n1\n",
            {"categories": ["b"]},
            "data source 'csv', categories: {file} has no column 'b'",
            "there is 'a'",
        ),
        (b"a\n1\n", {"categories": {"a": ["x", "x"]}}, "data source 'csv', categories: 'a' has 'x' twice", None),
        (
            b"a,b\n1,NA\nNA,2\n",
            {"missing": "drop"},
            "{file}: no row is without missing values",
            "fill something in instead of `drop`",
        ),
        (
            b"c\nred\nblu\nblu\n",
            {"categories": {"c": ["red", "blue"]}},
            "{file}, column 'c', row 1: 'blu' is not one of its categories (and 1 more row)",
            "did you mean 'blue'?",
        ),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path, refuses, content: bytes, fields: dict[str, Any], message: str, hint: str | None
) -> None:
    with refuses(message.format(file=tmp_path / "a.csv") if "{file}" in message else message, hint):
        csv(tmp_path, content, **fields)


def test_no_file(tmp_path: Path, refuses) -> None:
    for kind in ("csv", "parquet", "arrow"):
        with refuses(f"{tmp_path}/none: there is no such file"):
            read({kind: "none"}, tmp_path)


def test_all_missing_values_are_told_at_once(tmp_path: Path, refuses) -> None:
    with refuses(
        f"{tmp_path}/a.csv, column 'a', row 1: the value is missing\n"
        f"{tmp_path}/a.csv, column 'b', row 0: the value is missing",
        "say what to do: `missing: {a: drop}` leaves such rows out, a number or `mean` is filled in\n"
        "say what to do: `missing: {b: drop}` leaves such rows out, a number or `mean` is filled in",
    ):
        csv(tmp_path, "a,b\n1,\n,2\n")


# --- missing values and categories ---------------------------------------------------------------------------------

X = {"name": "x", "dtype": "float32", "shape": []}
LABEL = {"name": "label", "dtype": "int64", "shape": [], "classes": 2}


def partitions(tmp_path: Path, content: str, features: list[Any], targets: list[Any], **fields: Any) -> Any:
    (tmp_path / "a.csv").write_text(content)
    split = fields.pop("split", {})
    return load_partitions(
        {"source": {"csv": {"path": "a.csv", **fields}}, "split": split}, features, targets, tmp_path
    )


def test_the_mean_is_that_of_the_training_rows(tmp_path: Path) -> None:
    """Rows set apart do not count; the value found is stated in the facts."""
    rows = "\n".join("0," if row % 4 == 0 else f"0,{row}" for row in range(40))
    parts = partitions(
        tmp_path, f"zero,x\n{rows}\n", [X], [], missing={"x": "mean"}, missing_text=[""], split={"test": 0.5, "seed": 1}
    )
    taken = parts.train.take(slice(None))["x"]
    known = {float(row) for row in range(40) if row % 4}
    mean = np.float32(np.mean([value for value in taken.tolist() if value in known]))
    assert set(taken.tolist()) - known == {float(mean)}
    assert set(parts.test.take(slice(None))["x"].tolist()) - known == {float(mean)}
    stated = parts.facts.source["csv"]["missing"]["x"]
    assert np.float32(stated) == mean
    again = partitions(tmp_path, f"zero,x\n{rows}\n", [X], [], missing={"x": stated}, missing_text=[""])
    assert set(again.train.take(slice(None))["x"].tolist()) - known == {float(mean)}


def test_no_mean(tmp_path: Path, refuses) -> None:
    with refuses("data source 'csv', column 'x': no training row has a value, so there is no mean to fill in"):
        partitions(tmp_path, "x,y\n,1\n,2\n", [X], [], missing={"x": "mean"})


def test_rows_are_dropped_for_the_columns_that_are_read(tmp_path: Path) -> None:
    parts = partitions(tmp_path, "x,other\n1,\n,2\n3,\n", [X], [], missing="drop")
    assert parts.train.take(slice(None))["x"].tolist() == [1, 3]
    data = {"source": {"csv": {"path": "a.csv", "missing": "drop"}}}
    assert training_rows(data, tmp_path, ["x"]) == 2


def test_columns_that_no_one_reads_may_be_bad(tmp_path: Path) -> None:
    assert partitions(tmp_path, "x,other\n1,\n2,word\n", [X], []).train.rows == 2


def test_several_columns_make_a_vector(tmp_path: Path) -> None:
    feature = {"name": "x", "dtype": "float32", "shape": [3], "column": ["b", "a", "c"]}
    parts = partitions(tmp_path, "a,b,c\n1,2.5,true\n3,4,false\n", [feature], [])
    batch = parts.train.take(slice(None))["x"]
    assert (batch.dtype, batch.tolist()) == (np.float32, [[2.5, 1, 1], [4, 3, 0]])


def test_vectors_of_columns_that_are_refused(tmp_path: Path, refuses) -> None:
    content = "a,b\n1,2\n3,x4\n"
    two = {"name": "x", "dtype": "float32", "shape": [2], "column": ["a", "b"]}
    with refuses("data source 'csv', column 'b': holds text such as 'x4', but 'x' needs float32"):
        partitions(tmp_path, "a,b\n1,2\n3,x4\n4,x5\n", [two], [])
    with refuses("data source 'csv', column 'b', row 1: 'x4' is not a number, but 'x' needs float32"):
        partitions(tmp_path, content, [two], [])
    with refuses(
        "data source 'csv', columns 'a' and 'a' together: each row has the shape [2], but 'x' needs [3]",
    ):
        partitions(tmp_path, content, [{**two, "shape": [3], "column": ["a", "a"]}], [])
    with refuses(
        "data source 'csv': there is no column 'bb' for 'x'; the columns are 'a' and 'b'", "did you mean 'b'?"
    ):
        partitions(tmp_path, content, [{**two, "column": ["a", "bb"]}], [])


def test_categories_are_found_sorted_and_stated(tmp_path: Path) -> None:
    label = {**LABEL, "column": "kind"}
    parts = partitions(tmp_path, "x,kind\n1,dog\n2,cat\n3,dog\n", [X], [label], categories=["kind"])
    assert parts.train.take(slice(None))["label"].tolist() == [1, 0, 1]
    assert parts.facts.labels == {"label": ("cat", "dog")}
    assert parts.facts.source["csv"]["categories"] == {"kind": ["cat", "dog"]}
    stated = partitions(tmp_path, "x,kind\n1,dog\n2,cat\n", [X], [label], categories={"kind": ["dog", "cat"]})
    assert stated.train.take(slice(None))["label"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "categories"),
    [
        ("c\n10\n9\n10\n", ("9", "10")),
        ("c\ntrue\nfalse\n", ("false", "true")),
        ("c\nb\nB\na\n", ("B", "a", "b")),
    ],
)
def test_the_order_of_categories(tmp_path: Path, content: str, categories: tuple[str, ...]) -> None:
    (tmp_path / "a.csv").write_text(content)
    source = build_source({"csv": {"path": "a.csv", "categories": {"c": None}}})
    description = source.describe(tmp_path)
    assert description.columns["c"] == ColumnInfo("int64", (), len(categories), categories)


def test_a_missing_category_may_be_one_of_its_own(tmp_path: Path) -> None:
    found = csv(tmp_path, "c,n\nred,1\n,2\n", categories=["c"], missing={"c": "unknown"})
    assert found["c"].tolist() == [0, 1]


def test_too_many_categories(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.runtime.data.arrow_values.MOST_CATEGORIES", 2)
    with refuses(
        "data source 'csv', column 'c': has more than 2 different values, too many to be categories",
        "leave it out of `categories`",
    ):
        csv(tmp_path, "c\na\nb\nc\n", categories=["c"])


def test_partitions_of_their_own_share_categories(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("c\nb\n")
    (tmp_path / "b.csv").write_text("c\na\n")
    data = build_source({"csv": {"path": "a.csv", "test": "b.csv", "categories": ["c"]}}).load(tmp_path)
    assert (data.categories, data.train.take(slice(None))["c"].tolist()) == ({"c": ("a", "b")}, [1])


# --- Parquet and Arrow ---------------------------------------------------------------------------------------------

TABLE = {
    "i": pa.array([1, 2, 3], pa.int16()),
    "f": pa.array([1.5, None, float("nan")], pa.float32()),
    "vector": pa.array([[1.0, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
    "list": pa.array([[1], [2], [3]], pa.list_(pa.int64())),
    "decimal": pa.array([Decimal("1.5"), Decimal("2.5"), Decimal("3")]),
    "word": pa.array(["a", "b", "a"]).dictionary_encode(),
    "bool": pa.array([True, False, True]),
}


def write(path: Path, columns: dict[str, Any], kind: str) -> None:
    table = pa.table(columns)
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=2)
    elif kind == "feather":
        feather.write_feather(table, path, chunksize=2, compression="lz4")
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "feather", "stream"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_same_from_every_format(tmp_path: Path, kind: str, stream: bool) -> None:
    write(tmp_path / "a", TABLE, kind)
    source = "parquet" if kind == "parquet" else "arrow"
    fields = {"path": "a", "missing": {"f": 0}, "categories": ["word"], "stream": stream}
    found = read({source: fields}, tmp_path)
    assert lists(found) == {
        "i": [1, 2, 3],
        "f": [1.5, 0, 0],
        "vector": [[1, 2], [3, 4], [5, 6]],
        "list": [[1], [2], [3]],
        "decimal": [1.5, 2.5, 3.0],
        "word": [0, 1, 0],
        "bool": [True, False, True],
    }
    assert [found[name].dtype.name for name in ("i", "f", "vector", "list")] == ["int16", "float64", "float32", "int64"]
    description = build_source({source: fields}).describe(tmp_path)
    assert (description.rows, description.columns["vector"].shape) == ({"train": 3}, (2,))


@pytest.mark.parametrize("stream", [True, False])
def test_dropped_rows_keep_the_numbers_of_the_file(tmp_path: Path, refuses, stream: bool) -> None:
    write(tmp_path / "a", {"x": [None, 1.0, None, 3.0, None], "y": [1.0, 2.0, 3.0, None, 5.0]}, "parquet")
    found = read({"parquet": {"path": "a", "missing": {"x": "drop", "y": 0}, "stream": stream}}, tmp_path)
    assert lists(found) == {"x": [1, 3], "y": [2, 0]}
    with refuses(
        f"{tmp_path}/a, column 'y', row 3: the value is missing",
        "say what to do: `missing: {y: drop}` leaves such rows out, a number or `mean` is filled in",
    ):
        read({"parquet": {"path": "a", "missing": {"x": "drop"}, "stream": stream}}, tmp_path)


@pytest.mark.parametrize(
    ("column", "message", "hint"),
    [
        (
            pa.array([[1], [2, 3]]),
            "column 'c': its lists have from 1 to 2 values",
            "every row needs as many",
        ),
        (
            pa.array([{"a": 1}, {"a": 2}]),
            "column 'c': holds struct<a: int64>, which no input takes",
            "numbers, text, categories and lists of numbers are read",
        ),
        (
            pa.array([[1.0, None], [2.0, 3.0]]),
            "column 'c', row 0: the value is missing",
            "say what to do: `missing: {c: drop}` leaves such rows out, a number or `mean` is filled in",
        ),
    ],
)
def test_columns_that_are_refused(tmp_path: Path, refuses, column: Any, message: str, hint: str) -> None:
    write(tmp_path / "a", {"c": column}, "parquet")
    with refuses(f"{tmp_path}/a, {message}", hint):
        read({"parquet": "a"}, tmp_path)


def test_dates_are_no_numbers(tmp_path: Path, refuses) -> None:
    write(tmp_path / "a", {"x": pa.array([0, 1], pa.timestamp("s"))}, "parquet")
    with refuses("data source 'parquet', column 'x': holds dates (dtype datetime64[ms]), but 'x' needs float32"):
        load_partitions({"source": {"parquet": "a"}}, [X], [], tmp_path)


def test_damaged_files(tmp_path: Path, refuses) -> None:
    write(tmp_path / "a", TABLE, "parquet")
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(whole[:-50])
    with refuses(
        f"{tmp_path}/a: is damaged, or no Parquet file: Parquet magic bytes not found in footer. Either the file is"
        " corrupted or this is not a parquet file"
    ):
        read({"parquet": "a"}, tmp_path)
    (tmp_path / "a").write_bytes(b"ARROW1 but then something else")
    with refuses(f"{tmp_path}/a: is damaged, or no Arrow file: Not an Arrow file"):
        read({"arrow": "a"}, tmp_path)


def test_no_rows(tmp_path: Path, refuses) -> None:
    write(tmp_path / "a", {"x": pa.array([], pa.float32())}, "parquet")
    for stream in (True, False):
        with refuses(f"{tmp_path}/a: there are no rows"):
            read({"parquet": {"path": "a", "stream": stream}}, tmp_path)


def test_without_pyarrow(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyarrow", "pyarrow.parquet", "pyarrow.csv", "pyarrow.ipc"):
        monkeypatch.setitem(sys.modules, module, None)
    for kind in ("csv", "parquet", "arrow"):
        with refuses(
            f"data source '{kind}' needs pyarrow, which is not installed",
            "install it with: pip install 'netwright[data]'",
            EnvironmentProblem,
        ):
            read({kind: "a"}, tmp_path)


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        ({"csv": "a.csv"}, True),
        (
            {
                "csv": {
                    "path": "a.csv",
                    "missing": {"a": "mean", "b": 0},
                    "categories": {"c": ["x", 1, True], "d": None},
                }
            },
            True,
        ),
        ({"csv": {"path": "a.csv", "missing": "drop", "categories": ["c"], "names": ["a"]}}, True),
        ({"csv": {"path": "a.csv", "missing": [1]}}, False),
        ({"csv": {"path": "a.csv", "missing": {"a": None}}}, False),
        ({"csv": {"path": "a.csv", "categories": "c"}}, False),
        ({"csv": {"path": "a.csv", "wanted": ["a"]}}, False),
        ({"parquet": {"path": "a", "stream": True}}, True),
        ({"parquet": {"path": "a", "delimiter": ","}}, False),
    ],
)
def test_the_schema(entry: Any, good: bool) -> None:
    import jsonschema

    assert jsonschema.Draft202012Validator(source_schema()).is_valid(entry) is good


def test_none_of_the_columns_is_there(tmp_path: Path, refuses) -> None:
    with refuses(f"{tmp_path}/a.csv: there is no column 'x'; the columns are 'a' and 'b'", "there is 'a' and 'b'"):
        partitions(tmp_path, "a,b\n1,2\n", [X], [])
