"""Attention on CUDA: with every axis fixed each node is there, without copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from cuda_checker import CudaChecker
from netwright.compiler import compile_spec
from netwright.compiler.spec.model import load_text

NETWORKS = {
    "encoder and decoder": """
netwright: 1
inputs: {x: [words, 8], n: {shape: [], dtype: int64}, y: [time, 8]}
network:
  - positional_encoding: {from: x}
  - transformer_encoder: {heads: 2, layers: 2, lengths: n, dropout: 0.1, name: memory}
  - transformer_decoder: {heads: 2, from: y, memory: memory, memory_lengths: n, activation: gelu, norm: post}
  - attention: {score: additive, memory: memory, lengths: n}
  - dense: 4
training: {loss: categorical_cross_entropy, batch_size: 16}
""",
    "language model": """
netwright: 1
inputs: {words: {shape: [time], dtype: int64}, kept: [time]}
network:
  - embedding: {vocabulary: 50, units: 8, from: words}
  - positional_encoding: {encoding: learned, maximum: 32}
  - transformer_decoder: {heads: 4, layers: 2, key_value_heads: 2, mask: kept}
  - residual: [{multi_head_attention: {heads: 2, causal: true, rotary: true}}]
  - conv: {filters: 8, kernel_size: 2, padding: causal, channels: last}
  - dense: 50
training: {loss: {categorical_cross_entropy: {mask: kept}}, batch_size: 16}
""",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_runs_on_cuda(name: str, place: CudaChecker, tmp_path: Path) -> None:
    compile_spec(load_text(NETWORKS[name])).write(tmp_path / "bundle")
    models = sorted((tmp_path / "bundle").rglob("*.onnx"))
    placements = place(models, batch=16, time=12, words=9, past=5)
    assert len(placements) == len(models)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []
