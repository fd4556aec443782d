"""Loops on CUDA: with batch and time fixed every node of loop and body is there, without copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from cuda_checker import CudaChecker
from netwright.compiler import compile_spec
from netwright.compiler.spec.model import load_text

NETWORK = """
netwright: 1
inputs: {words: {shape: [time], dtype: int64}, n: {shape: [], dtype: int64}, y: [4]}
network:
  - embedding: {vocabulary: 300, units: 8, from: words}
  - lstm: {units: 6, layers: 2, bidirectional: true, lengths: n, peepholes: true, dropout: 0.1}
  - gru: {units: 5, recurrent_dropout: 0.2, stateful: true}
  - gru: {units: 5, reset: before, backward: recomputed}
  - recurrent:
      states: {h: 4}
      cell:
        z: {dense: {units: 4, from: input}}
        around: {dense: {units: 4, from: y}}
        new: tanh(z + h * around)
      next: {h: new}
  - rnn: {units: 4, jordan: 3, initial: learned}
training:
  loss: {categorical_cross_entropy: {lengths: n}}
  metrics: [accuracy]
  batch_size: 32
"""

ALIGNED = """
netwright: 1
inputs: {x: [time, 6], n: {shape: [], dtype: int64}}
network: [{dense: {units: 5, from: x}}]
training:
  loss: {connectionist_temporal_classification: {lengths: n, label_lengths: count}}
  metrics: [label_error_rate, exact_labels]
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("loops") / "bundle"
    compile_spec(load_text(NETWORK)).write(folder)
    return sorted(folder.rglob("*.onnx"))


def test_every_node_of_loops_and_bodies_runs_on_cuda(place: CudaChecker, models: list[Path]) -> None:
    placements = place(models, batch=32, time=12)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []


VIDEO = """
netwright: 1
inputs: {frames: [time, 1, 8, 8]}
network:
  - time_distributed:
      - conv: {filters: 4, kernel_size: 3, padding: same, activation: relu}
      - batch_norm
      - max_pool: 2
      - dropout: 0.1
      - flatten
      - dense: 4
  - gru: 4
training: {loss: squared_error}
"""


def test_steps_as_rows_run_on_cuda(place: CudaChecker, tmp_path: Path) -> None:
    compile_spec(load_text(VIDEO)).write(tmp_path / "bundle")
    placements = place(sorted(tmp_path.rglob("*.onnx")), batch=4, time=3)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []
    (item,) = place([tmp_path / "bundle" / "inference.onnx"], batch=4)
    assert set(item.cpu) <= {"Concat", "Gather", "Squeeze"}
    assert item.copies == []


def test_connectionist_temporal_classification_runs_on_cuda(place: CudaChecker, tmp_path: Path) -> None:
    compile_spec(load_text(ALIGNED)).write(tmp_path / "bundle")
    placements = place(sorted(tmp_path.rglob("*.onnx")), batch=32, time=12, label_length=4)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []


def test_what_a_symbolic_time_axis_costs(place: CudaChecker, models: list[Path]) -> None:
    """Arithmetic on the length runs on the CPU, where sizes are read anyway; no tensor is copied."""
    for item in place(models, batch=32):
        assert item.error is None
        assert set(item.cpu) <= {"Concat", "Gather", "Squeeze"}
        assert item.copies == []
