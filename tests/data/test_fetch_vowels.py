"""Japanese vowels: read from the wheel that has them, padded, with their lengths."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.data import build_source
from netwright.runtime.data import fetch as fetch_module
from netwright.runtime.data.cache import CachedFile, cache_folder
from netwright.runtime.data.fetch import Package, fetch
from netwright.runtime.data.source import Dataset

FOLDER = "aeon/datasets/data/JapaneseVowels"


def line(frames: int, speaker: int, first: float = 0.0) -> str:
    """An utterance whose coefficient c is first + c + t / 100 in frame t."""
    series = (",".join(str(first + c + t / 100) for t in range(frames)) for c in range(12))
    return f"{':'.join(series)}:{speaker}"


def keep_wheel(monkeypatch: pytest.MonkeyPatch, cache: Path, train: list[str], test: list[str]) -> None:
    """Put a wheel with these utterances into the cache, recorded as the real one is."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for part, lines in (("TRAIN", train), ("TEST", test)):
            text = "\n".join(["#from UCI", "@problemName JapaneseVowels", "@data", *lines, ""])
            archive.writestr(f"{FOLDER}/JapaneseVowels_{part}.ts", text)
    content = stream.getvalue()
    record = CachedFile("japanese_vowels.whl", len(content), hashlib.sha256(content).hexdigest())
    package = Package("aeon==1.6.0", None, (record,), manager="pip")
    monkeypatch.setattr(fetch_module, "PACKAGES", {"japanese_vowels": package})
    monkeypatch.setenv("NETWRIGHT_CACHE", str(cache))
    folder = cache_folder("japanese_vowels")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / record.name).write_bytes(content)


def load() -> Dataset:
    dataset = build_source("japanese_vowels").load(Path("anywhere"))
    assert isinstance(dataset, Dataset)
    return dataset


def test_utterances_are_padded_and_have_their_lengths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep_wheel(monkeypatch, tmp_path, [line(7, 1), line(29, 9, -1)], [line(12, 5)])
    parts = {name: columns.take(slice(None)) for name, columns in load().partitions().items()}
    assert parts["train"]["length"].tolist() == [7, 29]
    assert parts["train"]["label"].tolist() == [0, 8]
    assert (parts["test"]["length"].tolist(), parts["test"]["label"].tolist()) == ([12], [4])
    first, second = parts["train"]["utterance"]
    assert (first.dtype, first.shape) == (np.float32, (29, 12))
    np.testing.assert_allclose(first[:7], np.arange(12) + np.arange(7)[:, None] / 100, rtol=1e-6)
    assert (first[7:] == 0).all()
    np.testing.assert_allclose(second[28], np.arange(12) - 1 + 0.28, rtol=1e-5)


@pytest.mark.parametrize("broken", ["1,2:3", line(30, 1), line(8, 1).replace("0.01", "?"), "1,2:3,4:1"])
def test_what_is_no_utterance(broken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refuses: Any) -> None:
    keep_wheel(monkeypatch, tmp_path, [line(7, 1)], [line(8, 2), broken])
    where = f"{tmp_path}/japanese_vowels/japanese_vowels.whl: {FOLDER}/JapaneseVowels_TEST.ts, row 1"
    with refuses(f"{where}: is not a series of up to 29 frames of 12 numbers"):
        load()


def test_they_are_described_before_they_are_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refuses: Any
) -> None:
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    description = build_source("japanese_vowels").describe(Path("anywhere"))
    assert description.rows == {"train": 270, "test": 370}
    assert {name: (column.shape, column.classes) for name, column in description.columns.items()} == {
        "utterance": ((29, 12), None),
        "length": ((), 30),
        "label": ((), 9),
    }
    with refuses(
        f"data source 'japanese_vowels': {tmp_path}/japanese_vowels: japanese_vowels.whl is missing",
        "fetch the data set with: netwright fetch japanese_vowels",
    ):
        load()


@pytest.mark.skipif(not os.environ.get("NETWRIGHT_TEST_FETCH"), reason="set NETWRIGHT_TEST_FETCH to use the network")
def test_the_real_utterances(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    fetch("japanese_vowels")
    parts = {name: columns.take(slice(None)) for name, columns in load().partitions().items()}
    assert np.bincount(parts["train"]["label"]).tolist() == [30] * 9
    assert np.bincount(parts["test"]["label"]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert (parts["train"]["length"].sum(), parts["test"]["length"].sum()) == (4274, 5687)
