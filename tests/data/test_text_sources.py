"""Sources of plays and of tagged sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data import build_source
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.data.sources.brown import plain_tag, read_tagged
from netwright.runtime.data.sources.shakespeare import plain_text
from netwright.runtime.errors import UserError
from support.requirements import missing

PLAY = """# Romeo and Juliet

### SCENE I. Verona.

_Enter SAMPSON and
GREGORY_

**SAMPSON**~
Gregory, o' my word,~
we'll not carry \\[coals\\].
""".replace("~", "  ")


def test_a_play_without_its_marks() -> None:
    assert plain_text(PLAY) == (
        "Romeo and Juliet\n\nSCENE I. Verona.\n\nEnter SAMPSON and\nGREGORY\n\n"
        "SAMPSON:\nGregory, o' my word,\nwe'll not carry [coals].\n\n"
    )


def test_the_plays_are_those_that_are_described() -> None:
    if missing_file("shakespeare"):
        missing("Shakespeare", "netwright fetch shakespeare")
    source = build_source("shakespeare")
    parts = source.load(Path()).partitions()
    described = source.describe(Path())
    assert {part: columns.rows for part, columns in parts.items()} == described.rows
    texts = {part: columns.take(slice(None))["text"].tolist() for part, columns in parts.items()}
    assert [text.split("\n")[0] for text in texts["validation"]] == ["As You Like It", "Julius Caesar"]
    assert len(texts["test"]) == 4
    assert any("\nROMEO:\n" in text for text in texts["train"])
    whole = "".join(text for part in texts.values() for text in part)
    assert len(whole) == 4_987_693
    assert not set("*_\\#\r") & set(whole)


def test_tagged_words() -> None:
    line = "\tThe/at Fulton/np-tl and\\/or/cc 1/2/cd ``/`` der/fw-at-tl --/-- not/* "
    assert read_tagged(line) == [
        ("The", "at"),
        ("Fulton", "np"),
        ("and\\/or", "cc"),
        ("1/2", "cd"),
        ("``", "``"),
        ("der", "at"),
        ("--", "--"),
        ("not", "*"),
    ]
    assert [plain_tag(tag) for tag in ("nn-hl", "vb-tl-hl", "---hl", "*-hl", "ppss+ber-nc")] == [
        "nn",
        "vb",
        "--",
        "*",
        "ppss+ber",
    ]


def test_the_corpus_is_the_one_that_is_described() -> None:
    if missing_file("brown"):
        missing("the Brown corpus", "netwright fetch brown")
    parts = build_source("brown").load(Path()).partitions()
    assert {part: columns.rows for part, columns in parts.items()} == {
        "train": 47_428,
        "validation": 4_942,
        "test": 4_970,
    }
    test = parts["test"].take(slice(None))
    for words, tags in zip(test["text"].tolist(), test["tags"].tolist(), strict=True):
        assert len(words.split(" ")) == len(tags.split(" "))


def test_sentences_in_columns(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("# one\nEU NNP B-ORG\nrejects\tVBZ\tO\n\n\n# two\nPeter NNP B-PER\n")
    (tmp_path / "b.conll").write_text("#1 CD O\n")
    settings = {"path": "a.conll", "test": "b.conll", "columns": {"text": 1, "names": 3}}
    data = build_source({"conll": {**settings, "comments": False}})
    with pytest.raises(UserError) as caught:
        data.load(tmp_path)
    assert caught.value.message == f"{tmp_path}/a.conll, line 1: has 2 columns, but 'names' is column 3"
    assert caught.value.hint == "an empty line ends a sentence; say with `columns` where words and tags are"
    (tmp_path / "b.conll").write_text("one CD O\n")
    parts = build_source({"conll": settings}).load(tmp_path).partitions()
    train = parts["train"].take(slice(None))
    assert train["text"].tolist() == ["EU rejects", "Peter"]
    assert train["names"].tolist() == ["B-ORG O", "B-PER"]
    assert parts["test"].take(np.array([0]))["names"].tolist() == ["O"]
    (tmp_path / "b.conll").write_text("# nothing\n")
    with pytest.raises(UserError) as caught:
        build_source({"conll": settings}).load(tmp_path)
    assert caught.value.message == f"{tmp_path}/b.conll: has no sentences"
