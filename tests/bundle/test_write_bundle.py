"""A bundle is written whole or not at all, and always says why not."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler import Bundle, SpecError, compile_spec, load_spec_text
from netwright.runtime import load_bundle
from support.bundles import Program, library_bundle

FILES = {
    "inference.onnx",
    "manifest.json",
    *(f"training/{name}.onnx" for name in ("init", "step", "evaluate", "gradients", "apply")),
}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return library_bundle("xor_mlp")


def everything_in(folder: Path) -> set[str]:
    """Every file below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refusal(bundle: Bundle, folder: Path) -> str:
    with pytest.raises(SpecError) as caught:
        bundle.write(folder)
    return str(caught.value)


def test_a_new_folder_with_new_parents(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "deep" / "bundle"
    bundle.write(folder)
    assert everything_in(tmp_path / "out") == {f"deep/bundle/{name}" for name in FILES}
    assert load_bundle(folder).manifest.name == "xor_mlp"
    assert folder.stat().st_mode & 0o777 == 0o755, "others may read it, as any folder"


def test_a_folder_without_training(tmp_path: Path) -> None:
    library_bundle("perceptron").write(tmp_path / "bundle")
    assert everything_in(tmp_path) == {
        f"bundle/{name}" for name in FILES & {"inference.onnx", "training/init.onnx", "manifest.json"}
    }


def test_a_network_without_weights_has_nothing_to_initialize(tmp_path: Path) -> None:
    spec = load_spec_text("netwright: 1\nname: squash\ninputs: {x: [3]}\nnetwork: [tanh]\n")
    compile_spec(spec).write(tmp_path / "bundle")
    assert everything_in(tmp_path) == {"bundle/inference.onnx", "bundle/manifest.json"}
    assert load_bundle(tmp_path / "bundle").manifest.state == ()
    x = np.array([[-1, 0, 2]], np.float32)
    (y,) = Program(tmp_path / "bundle" / "inference.onnx")({"x": x}).values()
    np.testing.assert_allclose(y, np.tanh(x), rtol=1e-6)


def test_an_empty_folder_is_used(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    bundle.write(tmp_path / "bundle")
    assert everything_in(tmp_path / "bundle") == FILES


def test_a_folder_with_something_in_it_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert refusal(bundle, folder) == (
        f"{folder}:1:1: already exists\n  hint: choose another folder, or remove this one"
    )
    assert everything_in(tmp_path) == {"bundle/notes.txt"}


def test_a_file_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "bundle"
    file.write_text("mine", encoding="utf-8")
    assert refusal(bundle, file) == f"{file}:1:1: already exists\n  hint: choose another folder, or remove this one"
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_parent_that_is_a_file(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    folder = tmp_path / "file" / "bundle"
    assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: File exists"


def test_a_name_that_no_file_system_takes(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / ("b" * 300)
    assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: File name too long"
    assert list(tmp_path.iterdir()) == []


def test_no_permission_to_write(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated where the tests run as root, whom permissions do not stop."""
    if os.geteuid() == 0:

        def refuse(*arguments: Any, **named: Any) -> str:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    tmp_path.chmod(0o500)
    try:
        folder = tmp_path / "bundle"
        assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: Permission denied"
        assert list(tmp_path.iterdir()) == []
    finally:
        tmp_path.chmod(0o700)


def test_no_permission_to_look(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a folder exists cannot be told below one that may not be entered."""
    folder = tmp_path / "private" / "bundle"
    folder.parent.mkdir()
    if os.geteuid() == 0:

        def refuse(path: Path) -> bool:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(Path, "exists", refuse)
    folder.parent.chmod(0)
    try:
        assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: Permission denied"
    finally:
        folder.parent.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_disk_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """A real failure: the operating system refuses to let a file grow beyond a limit, after some of it was written."""
    bundle = library_bundle("mnist_mlp")
    folder = tmp_path / "bundle"
    with _files_limited_to(100_000):
        assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: File too large"
    assert list(tmp_path.iterdir()) == []
    bundle.write(folder)
    assert everything_in(folder) == FILES


@contextmanager
def _files_limited_to(size: int) -> Iterator[None]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("written", range(6))
def test_a_full_disk_leaves_nothing_whichever_file_it_hits(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    _stop_after(written, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), monkeypatch)
    folder = tmp_path / "bundle"
    assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stop_after(3, KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        bundle.write(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def _stop_after(written: int, reason: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many model files be written; of the next one half, then the failure."""
    done: list[Path] = []

    def write(path: Path, parts: Iterable[bytes | memoryview]) -> None:
        data = b"".join(parts)
        if len(done) == written:
            path.write_bytes(data[: len(data) // 2])
            raise reason
        done.append(path)
        path.write_bytes(data)

    monkeypatch.setattr("netwright.compiler.bundle.write_parts", write)


def test_someone_else_was_faster(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bundle"
    chmod = Path.chmod

    def take_the_name(path: Path, mode: int) -> None:
        folder.mkdir()
        (folder / "theirs.txt").write_text("theirs", encoding="utf-8")
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", take_the_name)
    assert refusal(bundle, folder) == f"{folder}:1:1: cannot be written: Directory not empty"
    assert everything_in(tmp_path) == {"bundle/theirs.txt"}
