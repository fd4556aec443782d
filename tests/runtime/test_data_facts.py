"""What a run learns from its data is in its manifest, and is used again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from netwright.cli.main import app
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import evaluate, load_bundle, train
from netwright.runtime.data import source_schema
from netwright.runtime.data.exchange import read_features
from netwright.runtime.errors import UserError
from netwright.runtime.partitions import bundle_partitions

pytest.importorskip("pyarrow")

SPEC = """
netwright: 1
name: houses
inputs: {x: [2]}
network:
  - dense: {units: 2, name: logits}
training: {loss: categorical_cross_entropy, epochs: 2, batch_size: 4, metrics: [accuracy]}
data:
  source: {csv: {path: houses.csv, categories: [kind], missing: {rooms: mean}}}
  columns: {x: [rooms, size], label: kind}
  balance: oversample
"""
ROWS = [f"{i % 4 or ''},{i / 3:.3f},{'villa' if i % 3 else 'hut'}" for i in range(12)]


@pytest.fixture
def refuses() -> Any:
    """`with refuses(message, hint):` the block raises exactly this UserError."""

    @contextmanager
    def check(message: str, hint: str | None = None) -> Iterator[None]:
        with pytest.raises(UserError) as caught:
            yield
        assert (caught.value.message, caught.value.hint) == (message, hint)

    return check


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "houses.csv").write_text("rooms,size,kind\n" + "\n".join(ROWS) + "\n")
    compile_spec(load_spec_text(SPEC, data_schema=source_schema())).write(tmp_path / "bundle")
    return tmp_path / "bundle"


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def test_categories_fillings_and_labels_are_stated(bundle: Path, tmp_path: Path) -> None:
    train(bundle, tmp_path / "run", base=tmp_path)
    learned = manifest(tmp_path / "run" / "bundle")
    assert learned["data"]["source"]["csv"]["categories"] == {"kind": ["hut", "villa"]}
    assert learned["data"]["source"]["csv"]["missing"] == {"rooms": 2.0, "size": "error", "kind": "error"}
    assert learned["targets"][0]["labels"] == ["hut", "villa"]
    assert load_bundle(tmp_path / "run" / "bundle").manifest.targets[0].labels == ("hut", "villa")
    assert "labels" not in manifest(bundle)["targets"][0]


def test_codes_stay_when_the_file_changes(bundle: Path, tmp_path: Path) -> None:
    """A class that is gone does not move the others' codes."""
    summary = train(bundle, tmp_path / "run", base=tmp_path)
    assert evaluate(tmp_path / "run")["train"] == pytest.approx(summary.train)
    villas = [row for row in ROWS if row.endswith("villa")]
    (tmp_path / "houses.csv").write_text("rooms,size,kind\n" + "\n".join(villas) + "\n")
    batch = bundle_partitions(load_bundle(tmp_path / "run" / "bundle"), tmp_path).train.take(slice(None))
    assert batch["label"].tolist() == [1] * len(villas)


def test_resuming_uses_what_was_learned(bundle: Path, tmp_path: Path) -> None:
    """The file lost its huts since; a run that goes on keeps 1 for villas, and the mean it had."""
    run = tmp_path / "run"
    train(bundle, run, base=tmp_path)
    villas = [row for row in ROWS if row.endswith("villa")]
    (tmp_path / "houses.csv").write_text("rooms,size,kind\n" + "\n".join(villas) + "\n")
    (run / "summary.json").unlink()
    train(bundle, run, base=tmp_path, resume=True)
    learned = manifest(run / "bundle")["data"]["source"]["csv"]
    assert (learned["categories"], learned["missing"]["rooms"]) == ({"kind": ["hut", "villa"]}, 2.0)


def test_predicting_from_a_table(bundle: Path, tmp_path: Path) -> None:
    """New rows have columns, missing values and categories like those of the training data."""
    train(bundle, tmp_path / "run", base=tmp_path)
    learned = load_bundle(tmp_path / "run" / "bundle").manifest
    (tmp_path / "new.csv").write_text("size,other,rooms\n2.5,x,3\n1,y,\n")
    features = [dataclasses.asdict(field) for field in learned.features]
    assert learned.data is not None
    found = read_features(tmp_path / "new.csv", features, learned.data["source"]).take(slice(None))
    assert {name: values.tolist() for name, values in found.items()} == {"x": [[3, 2.5], [2, 1]]}
    result = CliRunner().invoke(app, ["predict", str(tmp_path / "run"), "--input", str(tmp_path / "new.csv")])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "output[0],output[1]")
    assert len(result.stdout.splitlines()) == 3


def test_categories_and_dropped_rows_when_predicting(tmp_path: Path, refuses) -> None:
    source = {
        "csv": {"path": "a.csv", "delimiter": ";", "missing": "drop", "categories": {"c": ["b", "a"], "d": ["x"]}}
    }
    feature = {"name": "c", "dtype": "int64", "shape": [], "column": "c"}
    (tmp_path / "new.csv").write_text("c;n\na;1\nb;\n")
    assert read_features(tmp_path / "new.csv", [feature], source).take(slice(None))["c"].tolist() == [1, 0]
    (tmp_path / "new.tsv").write_text("c\nq\n")
    with refuses(f"{tmp_path}/new.tsv, column 'c', row 0: 'q' is not one of its categories", "there is 'b' and 'a'"):
        read_features(tmp_path / "new.tsv", [feature], source)
    with refuses(
        f"{tmp_path}/new.csv: there is no column 'cc' for 'c'; the columns are 'c' and 'n'", "did you mean 'c'?"
    ):
        read_features(tmp_path / "new.csv", [feature, {**feature, "column": "cc"}], source)
    with refuses(f"{tmp_path}/new.csv: there is no column 'cc'; the columns are 'c' and 'n'", "did you mean 'c'?"):
        read_features(tmp_path / "new.csv", [{**feature, "column": "cc"}], source)
    (tmp_path / "new.csv").write_text("c;n\n;1\n")
    with refuses(
        f"{tmp_path}/new.csv, column 'c', row 0: the value is missing",
        "say what to do: `missing: {c: drop}` leaves such rows out, a number or `mean` is filled in",
    ):
        read_features(tmp_path / "new.csv", [feature], source)
    (tmp_path / "plain.csv").write_text("c\n7\n")
    for plain in (None, "digits"):
        assert read_features(tmp_path / "plain.csv", [feature], plain).take(slice(None))["c"].tolist() == [7]
