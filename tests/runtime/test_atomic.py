"""A file is replaced as a whole or not at all."""

import errno
import os
from pathlib import Path

import pytest
from netwright.runtime import atomic
from netwright.runtime.atomic import make_folder, write_atomically
from netwright.runtime.errors import EnvironmentProblem


def test_write_and_replace(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    write_atomically(file, b"one")
    write_atomically(file, b"two")
    assert file.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file = tmp_path / "a.bin"
    write_atomically(file, b"old")

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync", fail) if call == "fsync" else (Path, "replace", fail)))
    with pytest.raises(EnvironmentProblem) as caught:
        write_atomically(file, b"new")
    assert str(caught.value) == f"{file}: cannot be written: no space left on device"
    assert caught.value.hint == "choose another folder, or make room and give write permission"
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_the_file_is_on_the_disk_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (order.append("replace"), replace(a, b))[1])
    write_atomically(tmp_path / "a.bin", b"x")
    assert order == (["fsync", "replace", "fsync"] if os.name == "posix" else ["fsync", "replace"])


def test_folders_without_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(atomic.os, "fsync", calls.append)
    monkeypatch.setattr(atomic, "_POSIX", False)
    write_atomically(tmp_path / "a.bin", b"x")
    assert len(calls) == 1


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem) as caught:
        make_folder(tmp_path / "file" / "folder")
    assert str(caught.value) == f"{tmp_path}/file/folder: cannot be written: not a directory"
