"""Texts as tokens: padding, words as rows of characters, windows of a stream, batches of similar length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from netwright.runtime.data.batches import POOL, Batches, by_length
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.text import text_array
from netwright.runtime.data.tokens import (
    TokenColumns,
    WindowPlan,
    encode_texts,
    text_stream,
    token_counts,
    window_columns,
)
from netwright.runtime.errors import UserError
from netwright.runtime.manifest import Field, TokenPlan
from netwright.runtime.tokenizers import Tokenizer
from netwright.runtime.tokenizers.fitting import fit_tokenizer
from netwright.runtime.tokenizers.tokenizer import tokenizer_of

TEXTS = ["a b c", "b", "", "c c a b b"]
WORDS = Field("text", "int64", ("time",), tokens=TokenPlan("words"))
LENGTH = Field("length", "int64", (), length_of="text")


def words() -> Tokenizer:
    """4 is b, 5 is a, 6 is c."""
    return tokenizer_of(fit_tokenizer(["b b b a a c"], "space"), "here")


def test_rows_are_padded_to_the_longest_of_the_batch() -> None:
    columns = ArrayColumns({"text": text_array(TEXTS), "label": np.arange(4)})
    tokens = TokenColumns(columns, [WORDS, LENGTH], {"text": words()})
    assert tokens.rows == 4
    assert tokens.names == ("label", "text", "length")
    batch = tokens.take(np.array([0, 1]))
    assert batch["text"].dtype == np.int64
    assert batch["text"].tolist() == [[5, 4, 6], [4, 0, 0]]
    assert batch["length"].tolist() == [3, 1]
    assert batch["label"].tolist() == [0, 1]
    assert tokens.take(slice(3, 4))["text"].tolist() == [[6, 6, 5, 4, 4]]
    assert tokens.take(slice(2, 3))["text"].tolist() == [[0]], "an axis has at least one place"
    assert tokens.only(["length"]).take(slice(None)).keys() == {"length"}
    assert tokens.only(["length"]).take(slice(None))["length"].tolist() == [3, 1, 0, 5]


def test_begin_end_and_where_a_text_is_cut() -> None:
    plan = TokenPlan("words", begin=True, end=True, longest=4)
    assert [row.tolist() for row in encode_texts(TEXTS, words(), plan)] == [
        [2, 5, 4, 6],
        [2, 4, 3],
        [2, 3],
        [2, 6, 6, 5],
    ]


def test_fields_that_share_an_axis_agree_on_its_length() -> None:
    """A decoder's input begins with `begin`, its target ends with `end`; a tag stands beside its word."""
    fields = [
        Field("given", "int64", ("time",), tokens=TokenPlan("words", begin=True)),
        Field("label", "int64", ("time",), tokens=TokenPlan("words", end=True)),
        Field("steps", "int32", (), length_of="given"),
        Field("source", "int64", ("place",), tokens=TokenPlan("words")),
    ]
    columns = ArrayColumns({"given": text_array(TEXTS), "label": text_array(TEXTS), "source": text_array(["c"] * 4)})
    batch = TokenColumns(columns, fields, dict.fromkeys(("given", "label", "source"), words())).take(slice(0, 2))
    assert batch["given"].tolist() == [[2, 5, 4, 6], [2, 4, 0, 0]]
    assert batch["label"].tolist() == [[5, 4, 6, 3], [4, 3, 0, 0]]
    assert batch["source"].tolist() == [[6], [6]]
    assert batch["steps"].dtype == np.int32
    assert batch["steps"].tolist() == [4, 2]


def test_a_target_one_token_later_ends_with_the_end() -> None:
    """It is as long as what it follows, and is there without it too."""
    fields = [
        Field("given", "int64", ("time",), tokens=TokenPlan("words", begin=True)),
        Field("source", "int64", ("time",), tokens=TokenPlan("words")),
        Field("next", "int64", ("time",), next_of="given"),
    ]
    columns = ArrayColumns({"given": text_array(TEXTS), "source": text_array(["c c c c c", "c", "c", "c"])})
    tokens = TokenColumns(columns, fields, dict.fromkeys(("given", "source"), words()))
    batch = tokens.take(slice(0, 3))
    assert batch["given"].tolist() == [[2, 5, 4, 6, 0], [2, 4, 0, 0, 0], [2, 0, 0, 0, 0]]
    assert batch["next"].tolist() == [[5, 4, 6, 3, 0], [4, 3, 0, 0, 0], [3, 0, 0, 0, 0]]
    assert tokens.only(["next"]).take(slice(1, 3))["next"].tolist() == [[4, 3], [3, 0]]
    assert tokens.names == ("given", "source", "next")


def test_a_text_that_is_cut_has_no_end() -> None:
    fields = [
        Field("given", "int64", ("time",), tokens=TokenPlan("words", begin=True, longest=4)),
        Field("next", "int64", ("time",), next_of="given"),
    ]
    batch = TokenColumns(ArrayColumns({"given": text_array(TEXTS)}), fields, {"given": words()}).take(slice(None))
    assert batch["given"].tolist() == [[2, 5, 4, 6], [2, 4, 0, 0], [2, 0, 0, 0], [2, 6, 6, 5]]
    assert batch["next"].tolist() == [[5, 4, 6, 3], [4, 3, 0, 0], [3, 0, 0, 0], [6, 6, 5, 4]]


def test_words_as_rows_of_characters() -> None:
    characters = tokenizer_of(fit_tokenizer(["aaabbc"], "char"), "here")
    fields = [
        Field("text", "int64", ("time",), tokens=TokenPlan("words")),
        Field("letters", "int64", ("time", "letter"), tokens=TokenPlan("characters", longest=3)),
    ]
    texts = text_array(["ab c", "abca", ""])
    columns = ArrayColumns({"text": texts, "letters": texts})
    batch = TokenColumns(columns, fields, {"text": words(), "letters": characters}).take(slice(None))
    assert batch["text"].tolist() == [[1, 6], [1, 0], [0, 0]]
    assert batch["letters"].tolist() == [
        [[4, 5, 0], [6, 0, 0]],
        [[4, 5, 6], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0]],
    ]


def test_words_as_rows_of_so_many_characters() -> None:
    """Cut and padded to the axis, whatever words are in the batch; `longest` may cut earlier."""
    characters = tokenizer_of(fit_tokenizer(["aaabbc"], "char"), "here")
    plan = TokenPlan("characters", begin=True, end=True)
    fields = [
        Field("letters", "int64", ("time", 4), tokens=plan),
        Field("shorter", "int64", ("time", 3), tokens=replace(plan, longest=2)),
        Field("length", "int64", (), length_of="letters"),
    ]
    texts = text_array(["ab c", "abca", ""])
    columns = ArrayColumns({"letters": texts, "shorter": texts})
    batch = TokenColumns(columns, fields, {"letters": characters, "shorter": characters}).take(slice(None))
    assert batch["letters"].tolist() == [
        [[2, 4, 5, 3], [2, 6, 3, 0]],
        [[2, 4, 5, 6], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert batch["shorter"].tolist()[0] == [[2, 4, 0], [2, 6, 0]]
    assert batch["length"].tolist() == [2, 1, 0]
    assert token_counts(batch["letters"]).tolist() == [2, 1, 0]
    assert token_counts(batch["letters"][:, :, 0]).tolist() == [2, 1, 0]


def stream(count: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.arange(count, dtype=np.int32)


def test_windows_in_any_order_lie_side_by_side() -> None:
    plan = WindowPlan(length=3, evaluation_length=5, streams=None)
    windows = window_columns(stream(12), plan, "text", ["label"], "train", training=True)
    batch = windows.take(slice(None))
    assert batch["text"].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert batch["label"].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    judged = window_columns(stream(12), plan, "text", ["label"], "test", training=False).take(slice(None))
    assert judged["text"].tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    short = window_columns(stream(4), plan, "text", ["label"], "test", training=False).take(slice(None))
    assert short["label"].tolist() == [[1, 2, 3]], "a stream shorter than a window is one window"


@pytest.mark.parametrize("count", [25, 26, 31])
def test_a_row_goes_on_in_the_next_batch(count: int) -> None:
    """What a stateful layer has seen before a window is what stands before it in the text."""
    plan = WindowPlan(length=3, evaluation_length=3, streams=2)
    windows = window_columns(stream(count), plan, "text", ["label"], "train", training=True)
    batches = list(Batches(windows, 2).epoch())
    assert len(batches) == (count - 1) // 2 // 3
    for row in range(2):
        read = np.concatenate([batch["text"][row] for batch in batches])
        assert (np.diff(read) == 1).all()
    for batch in batches:
        assert (batch["label"] == batch["text"] + 1).all()
        assert len(batch["text"]) == 2


def test_too_little_text() -> None:
    plan = WindowPlan(length=3, evaluation_length=3, streams=4)
    with pytest.raises(UserError) as caught:
        window_columns(stream(12), plan, "text", ["label"], "train", training=True)
    assert str(caught.value) == "the train texts have 12 tokens, but data.windows needs at least 13"
    assert caught.value.hint == "make data.windows.length or training.batch_size smaller"
    with pytest.raises(UserError) as caught:
        window_columns(stream(1), plan, "text", ["label"], "test", training=False)
    assert str(caught.value) == "the test texts have 1 token, but data.windows needs at least 2"


def test_the_stream_is_all_texts_one_after_another() -> None:
    field = Field("text", "int64", ("time",), tokens=TokenPlan("words", end=True))
    columns = ArrayColumns({"text": text_array(TEXTS[:3])})
    assert text_stream(columns, field, words()).tolist() == [5, 4, 6, 3, 4, 3, 3]


def test_batches_of_similar_length() -> None:
    rows, size = 2 * POOL * 4 + 3, 4
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 500, rows)
    columns = ArrayColumns({"row": np.arange(rows)})
    epochs = [
        [batch["row"] for batch in Batches(columns, size, shuffle=True, seed=3, lengths=lengths).epoch(epoch)]
        for epoch in (0, 0, 1)
    ]
    assert [len(batch) for batch in epochs[0]] == [size] * (rows // size) + [3]
    assert sorted(np.concatenate(epochs[0]).tolist()) == list(range(rows)), "every row once"
    assert np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[2]))
    padding = sum(int((lengths[batch].max() - lengths[batch]).sum()) for batch in epochs[0])
    unsorted = [batch["row"] for batch in Batches(columns, size, shuffle=True, seed=3).epoch(0)]
    assert padding < 0.1 * sum(int((lengths[batch].max() - lengths[batch]).sum()) for batch in unsorted)
    means = [lengths[batch].mean() for batch in epochs[0]]
    assert abs(np.corrcoef(means[:-1], np.arange(len(means) - 1))[0, 1]) < 0.3, "short and long ones take turns"


def test_fewer_rows_than_a_batch_stay_as_they_are() -> None:
    order = np.array([2, 0, 1])
    assert by_length(order, np.array([5, 6, 7]), 4).tolist() == [2, 0, 1]
