"""What a run learns from its data is in its manifest, and is used again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import evaluate, load_bundle, train
from netwright.runtime.data import source_schema
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
