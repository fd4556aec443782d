"""Checkpoints: what is written comes back, and what does not fit is refused with every difference."""

from pathlib import Path

import numpy as np
import pytest
from netwright.runtime import atomic
from netwright.runtime.bundle import Bundle
from netwright.runtime.checkpoint import Best, Checkpoint, Position, check_fits, load_checkpoint, save_checkpoint
from netwright.runtime.errors import EnvironmentProblem, UserError
from netwright.runtime.initial_state import initial_state
from safetensors.numpy import save_file


def position() -> Position:
    return Position("0" * 64, 7, 2, 3, 17, 48, {"loss": 0.1 + 0.2}, Best(1, 1 / 3), 1 / 3, 1, 2.5)


def test_round_trip_is_exact(tmp_path: Path, bundle: Bundle) -> None:
    file = tmp_path / "last.safetensors"
    state = initial_state(bundle, 3)
    save_checkpoint(file, Checkpoint(state, position()))
    loaded = load_checkpoint(file)
    assert loaded.position == position()
    assert loaded.state.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(loaded.state[name], value)
        assert loaded.state[name].dtype == value.dtype
        assert loaded.state[name].shape == value.shape
    check_fits(file, loaded, bundle.manifest)


def test_a_failed_write_keeps_the_checkpoint_before(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "last.safetensors"
    save_checkpoint(file, Checkpoint(initial_state(bundle, 3), position()))
    before = file.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(EnvironmentProblem) as caught:
        save_checkpoint(file, Checkpoint(initial_state(bundle, 4), position()))
    assert str(caught.value) == f"{file}: cannot be written: no space left on device"
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["last.safetensors"]


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_checkpoint(tmp_path / "last.safetensors")
    assert str(caught.value) == f"{tmp_path}/last.safetensors: there is no checkpoint"
    assert caught.value.hint == "train without --resume first"


def test_another_tools_file(tmp_path: Path) -> None:
    file = tmp_path / "last.safetensors"
    save_file({"a": np.zeros(1)}, file)
    with pytest.raises(UserError) as caught:
        load_checkpoint(file)
    assert str(caught.value) == f"{file}: not a checkpoint of netwright"


def test_damaged_files(tmp_path: Path, bundle: Bundle) -> None:
    file = tmp_path / "last.safetensors"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError) as caught:
        load_checkpoint(file)
    assert str(caught.value).startswith(f"{file}: the checkpoint is damaged: Error while deserializing header")

    save_checkpoint(file, Checkpoint(initial_state(bundle, 3), position()))
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(UserError) as caught:
        load_checkpoint(file)
    assert str(caught.value).startswith(f"{file}: the checkpoint is damaged: ")

    save_file({"a": np.zeros(1)}, file, {"netwright": '{"spec_sha256": 3}'})
    with pytest.raises(UserError) as caught:
        load_checkpoint(file)
    assert str(caught.value) == f"{file}: the checkpoint is damaged: spec_sha256: must be text, received 3"


def test_every_difference_to_the_spec_is_listed(tmp_path: Path, bundle: Bundle) -> None:
    state = initial_state(bundle, 3)
    state["dense1/weight"] = np.zeros((64, 3), np.float32)
    state["step"] = np.zeros((), np.int32)
    state["dense2/weight"] = np.zeros((3, 3), np.float32)
    del state["dense1/bias"]
    with pytest.raises(UserError) as caught:
        check_fits(tmp_path / "last.safetensors", Checkpoint(state, position()), bundle.manifest)
    place = "defined at specs/handmade.yaml:6:5: network[0].dense"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/last.safetensors: the checkpoint is of another spec:",
        f"  'dense1/weight' is float32 [64, 3] in the checkpoint, float32 [4, 3] in the spec, {place}",
        f"  'dense1/bias' is missing from the checkpoint; the spec needs float32 [3], {place}",
        "  'step' is int32 [] in the checkpoint, int64 [] in the spec",
        "  'dense2/weight' (float32 [3, 3]) is in the checkpoint, but the spec has no such state",
    ]
    assert caught.value.hint == "resume with the spec the run was started with, or train into another folder"
