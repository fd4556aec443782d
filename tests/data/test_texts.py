"""Text files, words and bags of words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.data import bag_of_words, build_source, vocabulary
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.plan import load_partitions
from netwright.runtime.data.text import text_array, words

TEXT = {"name": "text", "dtype": "string", "shape": []}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't PANIC, it's 42!", ["don't", "panic", "it's", "42"]),
        ("the ’90s – don’t 'quote' me'", ["the", "90s", "don't", "quote", "me"]),
        ("snake_case a-b\tx\n\ny", ["snake", "case", "a", "b", "x", "y"]),
        ("Größe ΑΒΓ 東京", ["größe", "αβγ", "東京"]),
        ("…!?", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_vocabulary(refuses) -> None:
    texts = text_array(["b a a", "c b a", "d"])
    assert vocabulary(texts, 10) == ("a", "b", "c", "d")
    assert vocabulary(texts, 2) == ("a", "b")
    assert vocabulary(texts, 10, minimum_count=2) == ("a", "b")
    with refuses("the texts have no words to make a vocabulary of"):
        vocabulary(["!", ""], 5)


def test_bag_of_words() -> None:
    bag = bag_of_words(text_array(["a b a", "x", "B"]), ("b", "a"))
    assert (bag.dtype, bag.tolist()) == (np.float32, [[1, 2], [0, 0], [1, 0]])
    assert bag_of_words(["a b a"], ("b", "a"), binary=True).tolist() == [[1, 1]]
    assert bag_of_words([], ("b", "a")).shape == (0, 2)


def mail(base: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = base / "mail" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_folders_of_texts(tmp_path: Path) -> None:
    mail(
        tmp_path,
        {"ham/1.txt": b"\xef\xbb\xbfHi,\r\nthere\r\n", "spam/1.txt": "f\u00fcr dich".encode(), "spam/x.md": b"\xff"},
    )
    data = build_source({"text_folder": "mail"}).load(tmp_path)
    batch = data.train.take(slice(None))
    assert batch["text"].dtype == np.dtypes.StringDType()
    assert (batch["text"].tolist(), batch["label"].tolist()) == (["Hi,\nthere\n", "f\u00fcr dich"], [0, 1])
    assert data.categories == {"label": ("ham", "spam")}
    described = build_source({"text_folder": "mail"}).describe(tmp_path)
    assert described.columns["label"].categories == ("ham", "spam")


def test_texts_through_the_plan(tmp_path: Path, refuses) -> None:
    mail(tmp_path, {f"{'ham' if i % 2 else 'spam'}/{i}.txt": f"mail {i}".encode() for i in range(10)})
    label = {"name": "label", "dtype": "int64", "shape": [], "classes": 2}
    data = {"source": {"text_folder": "mail"}, "split": {"test": 0.2, "stratify": "label"}}
    parts = load_partitions(data, [TEXT], [label], tmp_path)
    seen = [text for b in Batches(parts.train, 3, shuffle=True).epoch(0) for text in b["text"].tolist()]
    assert parts.test is not None
    assert sorted(seen + parts.test.take(slice(None))["text"].tolist()) == [f"mail {i}" for i in range(10)]
    assert parts.facts is not None
    assert parts.facts.source == {"text_folder": {"path": "mail", "classes": ["ham", "spam"]}}
    with refuses("data source 'text_folder', column 'label': holds numbers (dtype int64), but 'text' needs text"):
        load_partitions(data, [{**TEXT, "column": "label"}], [label], tmp_path)


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (b"caf\xe9", "latin-1", "caf\u00e9"),
        ("caf\u00e9".encode("utf-16"), "utf-16", "caf\u00e9"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "UTF-8", "caf\u00e9"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, encoding: str, text: str) -> None:
    mail(tmp_path, {"ham/1.txt": content})
    source = build_source({"text_folder": {"path": "mail", "encoding": encoding}})
    assert source.load(tmp_path).train.take(slice(None))["text"].tolist() == [text]


def test_wrong_encodings(tmp_path: Path, refuses) -> None:
    mail(tmp_path, {"ham/1.txt": b"one\ntwo\ncaf\xe9"})
    with refuses(
        f"{tmp_path}/mail/ham/1.txt, line 3: is not utf-8: byte 0xe9",
        "say how it is encoded, for example `encoding: latin-1`",
    ):
        build_source({"text_folder": "mail"}).load(tmp_path)
    with refuses(
        f"{tmp_path}/mail/ham/1.txt: there is no encoding 'utf8000'", "there is utf-8, latin-1, cp1252, utf-16 …"
    ):
        build_source({"text_folder": {"path": "mail", "encoding": "utf8000"}}).load(tmp_path)


def lines(base: Path, **fields: Any) -> dict[str, list[Any]]:
    data = build_source({"text_lines": {"path": "a.txt", **fields}}).load(base)
    return {name: values.tolist() for name, values in data.train.take(slice(None)).items()}


def test_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\n  two words \r\n")
    assert lines(tmp_path) == {"text": ["one", "  two words "]}
    (tmp_path / "a.txt").write_text("good\tall well\nbad\tno: never\n\ngood\tyes")
    assert lines(tmp_path, label_end="\t") == {"text": ["all well", "no: never", "yes"], "label": [1, 0, 1]}
    assert lines(tmp_path, label_end="\t", classes=["good", "bad"])["label"] == [0, 1, 0]
    (tmp_path / "b.txt").write_text("x\n y \nx\nz\n")
    assert lines(tmp_path, labels="b.txt")["label"] == [0, 1, 0, 2]
    assert lines(tmp_path, labels="b.txt")["text"][2] == ""


def test_lines_of_a_test_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("b: x\na: y\n")
    (tmp_path / "t.txt").write_text("b: z\n")
    data = build_source({"text_lines": {"path": "a.txt", "label_end": ":", "test": "t.txt"}}).load(tmp_path)
    assert data.test is not None
    assert data.test.take(slice(None))["label"].tolist() == [1]
    assert data.categories == {"label": ("a", "b")}


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        (
            {"labels": "b.txt"},
            "{base}/b.txt: has 1 line, but {base}/a.txt has 2 lines",
            None,
        ),
        ({"label_end": "|"}, "{base}/a.txt, line 1: has no '|' after a label", None),
        (
            {"label_end": ":", "classes": ["good", "bad"]},
            "{base}/a.txt, line 2: 'goood' is not one of the labels",
            "did you mean 'good'?",
        ),
        (
            {"labels": "b.txt", "label_end": ":"},
            "data source 'text_lines': labels come from a file or begin the lines",
            "give `labels` or `label_end`",
        ),
        ({"label_end": ""}, "data source 'text_lines': label_end is empty", 'such as label_end: "\\t"'),
        (
            {"labels": "b.txt", "test": "a.txt"},
            "data source 'text_lines': `labels` and `test_labels` go together with `test`",
            "give all three",
        ),
    ],
)
def test_lines_that_are_refused(
    tmp_path: Path, refuses, fields: dict[str, Any], message: str, hint: str | None
) -> None:
    (tmp_path / "a.txt").write_text("good: x\ngoood: y\n")
    (tmp_path / "b.txt").write_text("1\n")
    with refuses(message.format(base=tmp_path), hint):
        lines(tmp_path, **fields)
