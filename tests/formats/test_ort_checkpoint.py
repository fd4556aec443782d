"""The checkpoint file of ONNX Runtime's training API. That ONNX Runtime reads it, tests/ort_training shows."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.formats import ort_checkpoint
from netwright.formats.ort_checkpoint import (
    CheckpointFormatError,
    OptimizerState,
    TrainingCheckpoint,
    decode_checkpoint,
    encode_checkpoint,
)

TRAINED = {"dense1/weight": np.arange(6, dtype=np.float32).reshape(2, 3), "dense1/bias": np.zeros(3, np.float32)}
FROZEN = {"scale": np.array(2.5, np.float32), "empty": np.zeros((0, 3), np.float32), "count": np.array([7], np.int64)}
MOMENTS = {name: {"momentum0": array + 1, "momentum1": array + 2} for name, array in TRAINED.items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


def test_everything_comes_back() -> None:
    properties = {"learning_rate": 0.5, "random_counter": -(2**63), "name": "déjà vu"}
    checkpoint = TrainingCheckpoint(TRAINED, FROZEN, OptimizerState(12, 0.25, MOMENTS), properties)
    read = decode_checkpoint(encode_checkpoint(checkpoint))
    assert same(dict(read.trained), TRAINED)
    assert same(dict(read.frozen), FROZEN)
    assert read.properties == properties
    assert read.optimizer is not None
    assert (read.optimizer.step, read.optimizer.learning_rate) == (12, 0.25)
    assert list(read.optimizer.moments) == list(MOMENTS)
    assert all(same(dict(read.optimizer.moments[name]), moments) for name, moments in MOMENTS.items())


def test_nothing_but_parameters() -> None:
    read = decode_checkpoint(encode_checkpoint(TrainingCheckpoint(TRAINED, {})))
    assert (read.frozen, read.optimizer, read.properties) == ({}, None, {})


def test_the_same_state_gives_the_same_bytes() -> None:
    checkpoint = TrainingCheckpoint(TRAINED, FROZEN, OptimizerState(1, 0.1, MOMENTS))
    assert encode_checkpoint(checkpoint) == encode_checkpoint(checkpoint)
    assert encode_checkpoint(checkpoint)[4:8] == b"ODTC"


def refusal(data: bytes) -> str:
    with pytest.raises(CheckpointFormatError) as caught:
        decode_checkpoint(data)
    return str(caught.value)


def test_other_files() -> None:
    assert refusal(b"") == "not a checkpoint of ONNX Runtime's training API"
    assert refusal(b"x" * 100) == "not a checkpoint of ONNX Runtime's training API"


def test_a_file_that_is_cut_off() -> None:
    whole = encode_checkpoint(TrainingCheckpoint(TRAINED, FROZEN, OptimizerState(12, 0.25, MOMENTS)))
    for length in range(8, len(whole), 7):
        assert refusal(whole[:length]).startswith("the checkpoint is damaged: ")


def test_other_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort_checkpoint, "VERSION", 3)
    data = encode_checkpoint(TrainingCheckpoint(TRAINED, {}))
    monkeypatch.undo()
    assert refusal(data) == "the checkpoint has version 3; version 2 is known"


def test_an_unknown_data_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ort_checkpoint._CODES, "float32", 16)
    data = encode_checkpoint(TrainingCheckpoint({"w": TRAINED["dense1/bias"]}, {}))
    assert refusal(data) == "'w' has the data type 16, which is not known here"


def test_a_dtype_without_a_place() -> None:
    with pytest.raises(CheckpointFormatError) as caught:
        encode_checkpoint(TrainingCheckpoint({"w": np.zeros(2, np.complex64)}, {}))
    assert str(caught.value) == "'w' has the dtype complex64, which a checkpoint cannot hold"


def test_more_than_a_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort_checkpoint, "LARGEST", 50)
    with pytest.raises(CheckpointFormatError) as caught:
        encode_checkpoint(TrainingCheckpoint(TRAINED, FROZEN, OptimizerState(1, 0.1, MOMENTS)))
    assert str(caught.value) == "the state has 120 bytes; a checkpoint holds 50"
