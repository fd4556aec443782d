"""What a window keeps attention from: steps further back, and so distances that training has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from support.bundles import Program

WINDOW = 3
NETWORK = """
netwright: 1
inputs: {words: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 20, units: 8}
  - LAYER
"""
ALONE = f"multi_head_attention: {{heads: 2, causal: true, rotary: true, window: {WINDOW}}}"
STACKED = f"transformer_decoder: {{heads: 2, layers: 2, rotary: true, window: {WINDOW}}}"


@pytest.mark.parametrize(("layer", "reach"), [(ALONE, WINDOW), (STACKED, 2 * WINDOW - 1)])
def test_a_step_reads_no_further_back(tmp_path: Path, layer: str, reach: int) -> None:
    """Of two layers the second reads steps that have read their own windows."""
    compile_spec(load_spec_text(NETWORK.replace("LAYER", layer))).write(tmp_path / "bundle")
    program = Program(tmp_path / "bundle" / "inference.onnx")
    words = np.random.default_rng(0).integers(0, 20, (1, 12))
    other = words.copy()
    other[0, 0] = (words[0, 0] + 1) % 20
    (one,), (two,) = (program({"words": given}).values() for given in (words, other))
    difference = np.abs(one - two)[0].max(axis=-1)
    assert (difference[:reach] > 1e-6).all()
    assert (difference[reach:] == 0).all()


def test_where_a_text_begins_makes_no_difference_beyond_the_window(tmp_path: Path) -> None:
    """Positions are far beyond any that a short text has; with rotary ones distances alone count."""
    compile_spec(load_spec_text(NETWORK.replace("LAYER", ALONE))).write(tmp_path / "bundle")
    program = Program(tmp_path / "bundle" / "inference.onnx")
    words = np.random.default_rng(1).integers(0, 20, (1, 400))
    (whole,), (end,) = (program({"words": given}).values() for given in (words, words[:, -20:]))
    np.testing.assert_allclose(whole[:, -10:], end[:, -10:], rtol=1e-4, atol=1e-5)
