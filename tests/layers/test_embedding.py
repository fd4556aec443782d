"""An embedding refuses what it cannot look up: when compiling, and where numbers enter the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import SpecError, compile_spec, load_spec_text
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import DType, graph_input
from netwright.compiler.layers import Embedding
from netwright.runtime import UserError, predict
from support.bundles import read_manifest
from support.layer_context import RecordingContext
from support.running import BATCH

SPEC = """
netwright: 1
name: words
inputs: {words: {shape: [2], dtype: int64}, other: [1]}
network:
  - embedding: {vocabulary: 9, units: 3, from: words}
  - embedding: {vocabulary: 5, units: 3, name: small, from: words}
  - add: {from: [embedding1, small], name: sum}
  - dense: {units: 1, name: line, from: other}
outputs: {sum: sum, line: line}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "bundle"
    compile_spec(load_spec_text(SPEC)).write(folder)
    return folder


@pytest.mark.parametrize("dtype", [DType.float32, DType.uint8, DType.boolean])
def test_only_whole_numbers_that_onnx_can_look_up(dtype: DType) -> None:
    with pytest.raises(BuildError) as caught:
        Embedding(vocabulary=3, units=2).build(RecordingContext(), graph_input("x", dtype, (BATCH, 4)))
    assert caught.value.message == f"needs whole numbers of dtype int64 or int32, received {dtype}(batch, 4)"
    assert caught.value.hint == "declare the input as {shape: […], dtype: int64}"


def test_the_manifest_says_which_numbers_a_feature_may_hold(bundle: Path) -> None:
    words, other = read_manifest(bundle)["features"]
    assert words["limit"] == 5  # the smaller of the two embeddings
    assert "limit" not in other


@pytest.mark.parametrize("word", [-1, 5])
def test_a_number_out_of_range_is_refused_before_it_is_looked_up(bundle: Path, word: int) -> None:
    with pytest.raises(UserError) as caught:
        predict(bundle, {"words": [[0, 4], [word, 0]], "other": [[0.0], [0.0]]})
    assert str(caught.value) == (
        f"feature 'words', row 1, position [0]: {word} is not a number that 'words' knows, which are 0 to 4"
    )


def test_numbers_in_range_give_their_rows(bundle: Path) -> None:
    found = predict(bundle, {"words": [[0, 4], [4, 4]], "other": [[0.0], [0.0]]})["sum"]
    assert found.shape == (2, 2, 3)
    np.testing.assert_array_equal(found[0, 1], found[1, 0])
    assert not np.array_equal(found[0, 0], found[0, 1])


def test_a_float_input_is_an_error_of_the_spec() -> None:
    with pytest.raises(SpecError) as caught:
        compile_spec(load_spec_text(SPEC.replace(", dtype: int64", ""), "words.yaml"))
    assert "words.yaml:6:16: network[0].embedding: needs whole numbers of dtype int64 or int32" in str(caught.value)
