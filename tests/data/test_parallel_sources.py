"""Sources with two sides to learn one from the other: verses in two languages, letters and their order, captions."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import ColumnInfo, build_source, sword
from netwright.runtime.data import fetch as fetch_module
from netwright.runtime.data.cache import CachedFile
from netwright.runtime.data.fetch import BIBLE_VERSES, Package, fetch, require
from netwright.runtime.data.sources.captioned_digits import caption
from netwright.runtime.data.sword import plain_text
from netwright.runtime.errors import EnvironmentProblem

HERE = Path("anywhere")
TEXT = np.dtypes.StringDType().name


def rows(entry: object, part: str = "train") -> dict[str, np.ndarray]:
    return build_source(entry).load(HERE).partitions()[part].take(slice(None))


# --- verses ----------------------------------------------------------------------------------------------------------


def module(folder: Path, books: dict[str, list[list[str]]]) -> dict[str, bytes]:
    """The files of a zText module: for each testament the verses of its books, after a title of the testament."""
    files = {}
    for testament, texts in books.items():
        blocks, verses, data = b"", b"", b""
        for number, book in enumerate([["<milestone/>"], *texts]):
            text = "".join(book).encode()
            packed = zlib.compress(text)
            blocks += np.array([len(data), len(packed), len(text)], "<u4").tobytes()
            data += packed
            start = 0
            for verse in book:
                size = len(verse.encode())
                verses += np.array([number, start], "<u4").tobytes() + np.array([size], "<u2").tobytes()
                start += size
        files |= {f"{testament}.bzs": blocks, f"{testament}.bzv": verses, f"{testament}.bzz": data}
    return {f"{folder}/{name}": content for name, content in files.items()}


ENGLISH = {
    "ot": [
        [
            '<title type="main">Genesis</title>',
            'In the <w lemma="strong:H7225">beginning</w> God.<note>Or</note>',
            "¶ Two",
        ],
        ['<title canonical="true">A Psalm.</title> <l/>O <divineName>LORD</divineName> \\nd God'],
    ],
    "nt": [["Jesus wept.", "Only here."]],
}
SPANISH = {
    "ot": [["", "EN el principio Dios.", "Dos"], ["Salmo. ¡OH Jehová Dios!"]],
    "nt": [["Y lloró <w>Jesús</w>.", ""]],
}


@pytest.fixture
def verses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Two small modules, recorded as the real ones are; their package managers give them."""
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    sides = {
        "sword-text-kjv": module(Path("engKJV2006eb"), ENGLISH),
        "sword-text-sparv": module(Path("spaRV1909eb"), SPANISH),
    }
    packages = [
        Package(name, "there", tuple(CachedFile(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in files.items()))
        for name, files in sides.items()
    ]
    whole = Package(packages[0].specification, "there", packages[0].files, beside=(packages[1],))
    monkeypatch.setattr(fetch_module, "PACKAGES", {"bible_verses": whole})

    def unpack(archive: Path, package: Package, staging: Path) -> None:
        for name, content in sides[package.specification].items():
            (staging / name).parent.mkdir(exist_ok=True)
            (staging / name).write_bytes(content)

    monkeypatch.setattr(fetch_module, "download", lambda package, staging: staging / "archive")
    monkeypatch.setattr(fetch_module, "unpack", unpack)
    return sides["sword-text-kjv"] | sides["sword-text-sparv"]


def test_verses_of_both_packages_are_fetched_and_those_that_both_have_are_read(
    verses: dict[str, bytes], tmp_path: Path
) -> None:
    folder = fetch("bible_verses")
    assert {f"{file.parent.name}/{file.name}": file.read_bytes() for file in folder.glob("*/*")} == verses
    assert sorted(path.name for path in folder.iterdir()) == ["engKJV2006eb", "spaRV1909eb"]
    data = rows("bible_verses")
    assert data["english"].tolist() == ["In the beginning God.", "Two", "A Psalm. O LORD God", "Jesus wept."]
    assert data["spanish"].tolist() == ["EN el principio Dios.", "Dos", "Salmo. ¡OH Jehová Dios!", "Y lloró Jesús."]
    assert data["book"].tolist() == [0, 0, 1, 39]


def test_long_verses_are_left_out(verses: dict[str, bytes], refuses, tmp_path: Path) -> None:
    fetch("bible_verses")
    entry = {"bible_verses": {"most_words": 3}}
    assert rows(entry)["english"].tolist() == ["Two", "Jesus wept."]
    assert build_source(entry).describe(HERE).rows == {"train": 2}
    (require("bible_verses") / "engKJV2006eb" / "nt.bzz").unlink()
    with refuses(
        f"data source 'bible_verses': {tmp_path}/cache/bible_verses: engKJV2006eb/nt.bzz is missing",
        "fetch the data set with: netwright fetch bible_verses",
    ):
        rows(entry)


def test_no_verse_is_short_enough(verses: dict[str, bytes], refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch("bible_verses")
    monkeypatch.setattr(sword, "read_verses", lambda folder: iter([(0, "two words")]))
    with refuses("data source 'bible_verses': no pair of verses has at most 1 words"):
        rows({"bible_verses": {"most_words": 1}})


def test_a_second_package_that_is_not_as_recorded_is_missing(
    verses: dict[str, bytes], refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack = fetch_module.unpack

    def refuse(archive: Path, package: Package, staging: Path) -> None:
        if package.specification == "sword-text-sparv":
            raise EnvironmentProblem("altered")
        unpack(archive, package, staging)

    monkeypatch.setattr(fetch_module, "unpack", refuse)
    with refuses("altered", kind=EnvironmentProblem):
        fetch("bible_verses")
    assert fetch_module.missing_file("bible_verses") == "spaRV1909eb/ot.bzs is missing"


def test_markup_of_a_verse() -> None:
    assert plain_text(
        '<chapter n="1"/><title>Heading</title> And <q who="Jesus">go</q>.<note n="a">x <i>y</i></note>'
    ) == ("And go.")
    assert plain_text('<title type="psalm" canonical="true">A Song.</title><lg/> Praise') == "A Song. Praise"
    assert plain_text("subtitle <i>and</i> notes") == "subtitle and notes"


def test_verses_are_described_before_they_are_fetched() -> None:
    description = build_source("bible_verses").describe(HERE)
    assert description.rows == {"train": 31_084}
    assert description.columns == {
        "english": ColumnInfo(TEXT, ()),
        "spanish": ColumnInfo(TEXT, ()),
        "book": ColumnInfo("int64", (), 66),
    }
    assert [package.specification for package in BIBLE_VERSES.whole] == ["sword-text-kjv", "sword-text-sparv"]


@pytest.mark.skipif(not os.environ.get("NETWRIGHT_TEST_FETCH"), reason="set NETWRIGHT_TEST_FETCH to use the network")
def test_the_real_verses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    fetch("bible_verses")
    data = rows("bible_verses")
    assert (len(data["english"]), len(set(data["book"].tolist()))) == (31_084, 66)
    assert data["english"][0] == "In the beginning God created the heaven and the earth."
    assert data["spanish"][0] == "EN el principio crió Dios los cielos y la tierra."


# --- letters ---------------------------------------------------------------------------------------------------------


def test_letters_in_another_order() -> None:
    made = rows({"letter_sequences": {"rows": 200, "alphabet": "zyx", "shortest": 5, "longest": 8}})
    assert all(answer == row[::-1] for row, answer in zip(made["letters"], made["answer"], strict=True))
    assert {len(row) for row in made["letters"]} == {5, 6, 7, 8}
    fields = {"rows": 50, "alphabet": "zyx", "shortest": 5, "longest": 8}
    ordered = rows({"letter_sequences": fields | {"answer": "sorted"}})
    assert all(
        answer == "".join(sorted(row, reverse=True))
        for row, answer in zip(ordered["letters"], ordered["answer"], strict=True)
    )
    same = rows({"letter_sequences": fields | {"answer": "same"}})
    assert same["letters"].tolist() == same["answer"].tolist() == ordered["letters"].tolist()


def test_rows_of_letters_are_a_function_of_the_seed_and_none_occurs_twice() -> None:
    one, again, other = (
        [
            rows({"letter_sequences": {"rows": 300, "seed": seed}}, part)["letters"].tolist()
            for part in ("train", "test")
        ]
        for seed in (1, 1, 2)
    )
    assert one == again != other
    assert len(set(one[0] + one[1])) == len(one[0] + one[1]) == 1300


def test_letters_that_cannot_be_drawn(refuses) -> None:
    with refuses("data source 'letter_sequences': shortest is 5, longest is 4"):
        rows({"letter_sequences": {"shortest": 5, "longest": 4}})
    with refuses("data source 'letter_sequences': the alphabet 'aba' is not two different letters or more"):
        rows({"letter_sequences": {"alphabet": "aba"}})
    with refuses(
        "data source 'letter_sequences': 1,010 are more than half of the rows that there are",
        "ask for fewer, or for longer ones",
    ):
        rows({"letter_sequences": {"alphabet": "ab", "shortest": 1, "longest": 8, "rows": 1000, "test_rows": 10}})


# --- captions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({0: 7, 1: 2}, "a seven left of a two"),
        ({2: 8, 3: 8}, "an eight left of an eight"),
        ({0: 0, 2: 1}, "a zero above a one"),
        ({1: 3, 3: 4}, "a three above a four"),
        ({0: 5, 3: 6}, "a five above and left of a six"),
        ({1: 9, 2: 8}, "a nine above and right of an eight"),
        ({0: 1, 1: 2, 2: 3}, "a one left of a two and a three below the left one"),
        ({0: 1, 1: 2, 3: 8}, "a one left of a two and an eight below the right one"),
        ({0: 1, 2: 2, 3: 3}, "a two left of a three and a one above the left one"),
        ({1: 1, 2: 2, 3: 3}, "a two left of a three and a one above the right one"),
    ],
)
def test_a_caption_says_which_digits_are_where(cells: dict[int, int], sentence: str) -> None:
    assert caption(cells) == sentence


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_idx) -> None:
    """A small MNIST whose digits are squares as bright as their label, in the training images 100 brighter."""
    folder = tmp_path / "cache" / "mnist"
    folder.mkdir(parents=True)
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path / "cache"))
    files = []
    for name, more in (("train", 101), ("t10k", 1)):
        labels = np.arange(10, dtype=np.uint8)
        images = np.broadcast_to((labels + more).astype(np.uint8)[:, None, None], (10, 28, 28))
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = write_idx(folder / f"{name}-{kind}-ubyte", array).read_bytes()
            files.append(CachedFile(f"{name}-{kind}-ubyte", len(content), hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(fetch_module, "PACKAGES", {"mnist": Package("mnist", "there", tuple(files))})


def test_canvases_show_what_their_captions_say(digits: None) -> None:
    source = build_source({"captioned_digits": {"rows": 60, "test_rows": 40}})
    data = source.load(HERE)
    for part, more in (("train", 101), ("test", 1)):
        columns = data.partitions()[part].take(slice(None))
        for image, sentence in zip(columns["image"], columns["caption"], strict=True):
            cells = {}
            for cell in range(4):
                top, left = 32 * (cell // 2), 32 * (cell % 2)
                seen = image[top : top + 32, left : left + 32]
                if seen.any():
                    assert (seen > 0).sum() == 28 * 28
                    cells[cell] = int(seen.max()) - more
            assert 2 <= len(cells) <= 3
            assert sentence == caption(cells)
    described = source.describe(HERE)
    assert described.rows == {"train": 60, "test": 40}
    assert described.columns == {"image": ColumnInfo("uint8", (64, 64)), "caption": ColumnInfo(TEXT, ())}


def test_canvases_are_a_function_of_the_seed(digits: None) -> None:
    one, again, other = (rows({"captioned_digits": {"rows": 20, "test_rows": 1, "seed": seed}}) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one["image"], again["image"])
    assert one["caption"].tolist() == again["caption"].tolist() != other["caption"].tolist()
