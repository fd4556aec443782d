"""Pairs for word2vec: what is near is near, what is drawn follows the frequencies, and everything repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.data.fetch import missing_file
from netwright.runtime.data.skip_grams import frequent_words, lowered, noise, pairs, stream, thinned
from netwright.runtime.data.sources.brown_skip_grams import BrownSkipGrams
from support.requirements import missing

SENTENCES = [["a", "b", "a", "c"], ["b", "a", "x"], ["c"]]


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_words_come_by_frequency_then_by_the_alphabet() -> None:
    assert frequent_words(SENTENCES, 10) == ("a", "b", "c", "x")
    assert frequent_words(SENTENCES, 2) == ("a", "b")


def test_the_stream_leaves_unknown_words_out() -> None:
    numbers, sentence = stream(SENTENCES, ("a", "b", "c"))
    assert numbers.tolist() == [0, 1, 0, 2, 1, 0, 2]
    assert sentence.tolist() == [0, 0, 0, 0, 1, 1, 2]


def test_words_in_lower_case_that_hold_a_letter() -> None:
    assert lowered(["The year 1961 , don't", "."]) == [["the", "year", "don't"], []]


def test_frequent_words_are_thinned() -> None:
    """Mikolov et al. 2013, equation 5: kept with √(t / f)."""
    np.testing.assert_allclose(thinned(np.array([900, 99, 1]), 0.01), [np.sqrt(0.01 / 0.9), np.sqrt(0.01 / 0.099), 1])


def test_pairs_stay_within_the_window_and_the_sentence() -> None:
    numbers = np.arange(60, dtype=np.int32)
    sentence = np.repeat([0, 1, 2], 20)
    words, near = pairs(numbers, sentence, 3, random())
    distances = np.abs(words - near)
    assert distances.min() == 1
    assert distances.max() == 3
    np.testing.assert_array_equal(words // 20, near // 20)
    assert len({*zip(words.tolist(), near.tolist(), strict=True)}) == len(words)
    of_distance = np.bincount(distances)[1:]
    assert of_distance[0] == 2 * (60 - 3), "the nearest words are in every window"
    assert of_distance[0] > of_distance[1] > of_distance[2]


def test_a_window_reaches_equally_far_to_both_sides() -> None:
    words, near = pairs(np.arange(200, dtype=np.int32), np.zeros(200, int), 5, random())
    for place in range(5, 195):
        offsets = sorted((near[words == place] - place).tolist())
        assert offsets == [o for o in range(-len(offsets) // 2, len(offsets) // 2 + 1) if o]


def test_noise_follows_the_frequencies_to_the_power_of_three_quarters_and_is_never_the_word_itself() -> None:
    counts = np.array([1000, 100, 10])
    drawn = noise(counts, np.full(40_000, 2), 2, random())
    assert drawn.dtype == np.int32
    assert set(drawn.ravel()) == {0, 1}
    expected = 1000**0.75 / (1000**0.75 + 100**0.75)
    assert (drawn == 0).mean() == pytest.approx(expected, abs=0.005)


def test_pairs_of_the_brown_corpus() -> None:
    if missing_file("brown"):
        missing("the Brown corpus", "netwright fetch brown")
    one, again, other = (BrownSkipGrams(vocabulary=300, rows=500, seed=seed).load(Path()) for seed in (1, 1, 2))
    first = one.train.take(slice(None))
    assert one.categories["word"][:4] == ("the", "of", "and", "to")
    assert (first["word"].shape, first["candidates"].shape, first["is_near"].shape) == ((500,), (500, 6), (500, 6))
    assert first["candidates"].max() < 300
    np.testing.assert_array_equal(first["is_near"][7], [1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(first["candidates"], again.train.take(slice(None))["candidates"])
    assert not np.array_equal(first["word"], other.train.take(slice(None))["word"])
