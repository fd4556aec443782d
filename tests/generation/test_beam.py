"""Beam search against looking at every continuation there is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from netwright.runtime import UserError
from netwright.runtime.generation.beam import Beam, normalised, search
from netwright.runtime.generation.decoding import Continuation, continue_prompts, most_probable
from support.language_models import Markov, Remembering

# After 0 the greedy choice is 1, after which nothing is probable; the best continuation begins with 2.
TRAP = [[0.0, 0.5, 0.4, 0.1], [0.3, 0.3, 0.2, 0.2], [0.0, 0.0, 0.1, 0.9], [0.25, 0.25, 0.25, 0.25]]


def every_continuation(
    model: Remembering, prompt: list[int], length: int, end: int | None, penalty: float
) -> list[Continuation]:
    """All continuations that end, or have the whole length; the best first."""

    def extend(ids: tuple[int, ...], total: float) -> Iterator[Continuation]:
        if len(ids) == length:
            yield Continuation(ids, total, False)
            return
        for token, probability in enumerate(model.following([*prompt, *ids]).tolist()):
            if token == end:
                yield Continuation(ids, total + math.log(probability), True)
            else:
                yield from extend((*ids, token), total + math.log(probability))

    found = list(extend((), 0.0))
    return sorted(found, key=lambda one: -normalised(one.log_probability, len(one.ids) + one.ended, penalty))


@pytest.mark.parametrize("penalty", [0, 0.6, 1.5])
@pytest.mark.parametrize("end", [None, 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_as_wide_as_there_are_continuations_finds_the_best(seed: int, end: int | None, penalty: float) -> None:
    model = Remembering(3, seed)
    expected = every_continuation(model, [0, 1], 4, end, penalty)
    (found,) = search(model, [[0, 1]], Beam(3**4, penalty), length=4, end=end)
    assert [(one.ids, one.ended) for one in found] == [(one.ids, one.ended) for one in expected]
    np.testing.assert_allclose([one.log_probability for one in found], [one.log_probability for one in expected])


@pytest.mark.parametrize("width", [2, 3])
def test_a_narrow_beam_keeps_the_best_beginnings(width: int) -> None:
    """Step by step, with lists: the beams' best continuations, of which the best go on."""
    model = Remembering(4, 7)
    beams = [(0.0, [1])]
    for _ in range(4):
        longer = [
            (total + math.log(probability), [*text, token])
            for total, text in beams
            for token, probability in enumerate(model.following(text).tolist())
        ]
        beams = sorted(longer, reverse=True)[:width]
    (found,) = search(model, [[1]], Beam(width), length=4)
    assert [one.ids for one in found] == [tuple(text[1:]) for _, text in beams]
    np.testing.assert_allclose([one.log_probability for one in found], [total for total, _ in beams])


def test_two_beams_avoid_what_the_greedy_choice_falls_into() -> None:
    greedy = continue_prompts(Markov(TRAP), [[0]], most_probable, length=2)
    ((best, second),) = search(Markov(TRAP), [[0]], Beam(2), length=2)
    assert greedy[0].ids == (1, 0)
    assert (best.ids, second.ids) == ((2, 3), (1, 0))
    assert best.log_probability == pytest.approx(np.log(0.4 * 0.9))


@pytest.mark.parametrize("end", [None, 2])
@pytest.mark.parametrize("seed", range(6))
def test_a_single_beam_is_the_greedy_choice(seed: int, end: int | None) -> None:
    prompts = [[0], [1, 1], [3, 0, 3]]
    expected = continue_prompts(Remembering(4, seed), prompts, most_probable, length=6, end=end)
    found = search(Remembering(4, seed), prompts, Beam(1), length=6, end=end)
    assert [one.ids for (one,) in found] == [one.ids for one in expected]
    assert [one.ended for (one,) in found] == [one.ended for one in expected]
    np.testing.assert_allclose(
        [one.log_probability for (one,) in found], [one.log_probability for one in expected], rtol=1e-12
    )


@pytest.mark.parametrize("end", [None, 2])
def test_prompts_of_several_lengths_together(end: int | None) -> None:
    model = Remembering(4, 9)
    prompts = [[0], [1, 2, 1, 0], [3, 3], [1]]
    together = search(model, prompts, Beam(3), length=5, end=end)
    assert together == [search(model, [prompt], Beam(3), length=5, end=end)[0] for prompt in prompts]


def test_length_normalisation_is_that_of_the_paper() -> None:
    assert normalised(-2, 1, 0.6) == -2
    assert normalised(-2, 7, 0) == -2
    assert normalised(-2, 7, 1) == -1
    assert normalised(-3, 13, 0.5) == pytest.approx(-3 / math.sqrt(3))


def test_a_length_penalty_prefers_longer_continuations() -> None:
    """End at once with 0.53, or go on twice with 0.47 · 1 · 1: log 0.47 / (8 / 6) is more than log 0.53."""
    chain = [[0, 0.47, 0, 0.53], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    (short, *_), (long, *_) = (
        search(Markov(chain), [[0]], Beam(3, penalty), length=5, end=3)[0] for penalty in (0.0, 1.0)
    )
    assert (short.ids, short.ended) == ((), True)
    assert (long.ids, long.ended) == ((1, 2), True)


def test_short_continuations_that_are_complete_first_do_not_end_the_search() -> None:
    """After three steps two are complete, with 0.12 and 0.048; the best, with 0.8, takes four."""
    chain = np.zeros((6, 6))
    chain[0, [1, 2]] = 0.8, 0.2
    chain[2, [2, 4]] = 0.4, 0.6
    chain[[1, 3, 5, 4], [3, 5, 4, 0]] = 1
    ((best, second),) = search(Markov(chain), [[0]], Beam(2, 0.0), length=9, end=4)
    assert (best.ids, second.ids) == ((1, 3, 5), (2,))
    np.testing.assert_allclose([best.log_probability, second.log_probability], np.log([0.8, 0.12]))


def test_fewer_continuations_than_beams() -> None:
    """Only one token ever follows: the other beams hold nothing, and nothing is made up for them."""
    chain = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    (found,) = search(Markov(chain), [[0]], Beam(3), length=4)
    assert found == [Continuation((1, 2, 0, 1), 0.0, False)]
    (ended,) = search(Markov(chain), [[0]], Beam(3), length=4, end=2)
    assert ended == [Continuation((1,), 0.0, True)]


def test_tokens_that_are_no_text() -> None:
    ((best, *_),) = search(Markov(TRAP), [[0]], Beam(2), length=2, never=[2])
    assert 2 not in best.ids


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((0,), "beam must be at least 1, received 0"),
        ((2, -0.5), "length_penalty must not be negative, received -0.5"),
        ((2, float("inf")), "length_penalty must not be negative, received inf"),
    ],
)
def test_a_beam_that_cannot_be(fields: tuple[float, ...], message: str) -> None:
    with pytest.raises(UserError) as caught:
        Beam(*fields)  # type: ignore[arg-type]
    assert caught.value.message == message


def test_a_prompt_that_is_too_long() -> None:
    with pytest.raises(UserError) as caught:
        search(Markov(TRAP, context=3), [[0, 1]], Beam(2), length=3)
    assert caught.value.message == "a prompt of 2 and 3 new tokens are more than the network can read: 3"
