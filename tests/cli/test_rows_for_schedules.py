"""Schedules that plan over the epochs know how many rows an epoch has, whatever the data section does to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from netwright.cli.specs import _rows_for_schedule, load_spec

SPEC = """
netwright: 1
name: planned
inputs: {{x: [1]}}
network:
  - dense: {{units: 2, name: logits}}
training:
  loss: [{{squared_error: {{target: size}}}}, categorical_cross_entropy]
  optimizer: {{adam: {{learning_rate: {{cosine: 0.01}}}}}}
data:
  source: {{table: {{values: {{a: [0, 1, 2, 3, 4, 5], s: [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]],
    kind: [0, 0, 0, 0, 1, 1]}}}}}}
  columns: {{x: [a], size: s, label: kind}}
  {more}
"""


@pytest.mark.parametrize(
    ("more", "rows"),
    [("shuffle: true", 6), ("balance: oversample", 8), ("balance: {method: oversample, by: label}", 8)],
)
def test_rows(tmp_path: Path, more: str, rows: int) -> None:
    (tmp_path / "a.yaml").write_text(SPEC.format(more=more))
    assert _rows_for_schedule(load_spec(str(tmp_path / "a.yaml")), {}) == rows
