"""The loop that continues prompts, over a network whose answers are written down."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime import UserError
from netwright.runtime.generation.decoding import Sampler, Sampling, continue_prompts, most_probable
from support.language_models import Markov

CHAIN = [[0.1, 0.9, 0.0, 0.0], [0.0, 0.3, 0.7, 0.0], [0.2, 0.2, 0.0, 0.6], [0.5, 0.0, 0.25, 0.25]]
EVEN = np.full((4, 4), 0.25)


def test_greedy_takes_the_most_probable_and_adds_up() -> None:
    (found,) = continue_prompts(Markov(CHAIN), [[0]], most_probable, length=4)
    assert found.ids == (1, 2, 3, 0)
    assert found.log_probability == pytest.approx(np.log(0.9 * 0.7 * 0.6 * 0.5))
    assert not found.ended


def test_the_end_token_ends_and_is_not_part_of_the_text() -> None:
    model = Markov(CHAIN)
    seen: list[tuple[int, int]] = []
    (found,) = continue_prompts(
        model, [[0]], most_probable, length=9, end=3, on_token=lambda row, token: seen.append((row, token))
    )
    assert (found.ids, found.ended) == ((1, 2), True)
    assert found.log_probability == pytest.approx(np.log(0.9 * 0.7 * 0.6))
    assert seen == [(0, 1), (0, 2)]
    assert model.texts == [[0, 1, 2]]  # the end itself is not read


def test_tokens_that_are_no_text_are_never_chosen() -> None:
    (found,) = continue_prompts(Markov(CHAIN), [[0]], most_probable, length=3, never=[1])
    assert found.ids == (0, 0, 0)
    assert found.log_probability == pytest.approx(3 * np.log(0.1))  # as the network says, not as it was left


def test_prompts_of_several_lengths_are_read_without_padding() -> None:
    model = Markov(CHAIN)
    prompts = [[0], [3, 3, 3, 3], [1, 2]]
    together = continue_prompts(model, prompts, most_probable, length=3)
    assert [text[: len(prompt)] for text, prompt in zip(model.texts, prompts, strict=True)] == prompts
    alone = [continue_prompts(Markov(CHAIN), [prompt], most_probable, length=3)[0] for prompt in prompts]
    assert together == alone


def test_the_common_beginning_is_read_in_one_call() -> None:
    model = Markov(CHAIN)
    continue_prompts(model, [[0, 1, 2, 3], [0, 1, 2, 3]], most_probable, length=2)
    assert model.calls == 2


def sampled(
    keys: list[tuple[int, ...]], prompts: list[list[int]], how: Sampling | None = None
) -> list[tuple[int, ...]]:
    sampler = Sampler(how or Sampling(), keys)
    return [one.ids for one in continue_prompts(Markov(EVEN), prompts, sampler, length=20)]


def test_samples_are_one_function_of_the_key() -> None:
    assert sampled([(5, 0)], [[0]]) == sampled([(5, 0)], [[0]])
    assert sampled([(5, 0)], [[0]]) != sampled([(6, 0)], [[0]])
    assert sampled([(5, 0)], [[0]])[0] == tuple(
        (np.random.default_rng((5, 0)).random(20) * 4).astype(int).tolist()  # what the page promises
    )


def test_a_row_does_not_depend_on_the_others() -> None:
    together = sampled([(1,), (2,), (3,)], [[0, 1, 2], [0], [3, 3]])
    assert together == [
        *sampled([(1,)], [[0, 1, 2]]),
        *sampled([(2,)], [[0]]),
        *sampled([(3,)], [[3, 3]]),
    ]


def test_samples_have_the_distribution() -> None:
    """Over 4000 draws, each frequency within four standard deviations."""
    sampling = Sampling(temperature=0.5, top_k=3, top_p=0.95)
    probabilities = np.array([0.4, 0.3, 0.2, 0.1])
    expected = np.array([16, 9, 4, 0]) / 29  # squares of the first three; 25/29 < 0.95, so top-p keeps all three
    sampler = Sampler(sampling, [(0, row) for row in range(4000)])
    found = continue_prompts(Markov(np.tile(probabilities, (4, 1))), [[0]] * 4000, sampler, length=1)
    frequencies = np.bincount([one.ids[0] for one in found], minlength=4) / 4000
    assert frequencies[3] == 0
    np.testing.assert_array_less(np.abs(frequencies - expected), 4 * np.sqrt(expected * (1 - expected) / 4000) + 1e-12)


def test_top_k_of_one_is_greedy() -> None:
    sampler = Sampler(Sampling(temperature=3, top_k=1), [(0,)])
    (found,) = continue_prompts(Markov(CHAIN), [[0]], sampler, length=6)
    assert found == continue_prompts(Markov(CHAIN), [[0]], most_probable, length=6)[0]


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        (
            {"temperature": 0},
            "temperature must be greater than 0, received 0",
            "the greedy choice is what a temperature near 0 tends to",
        ),
        (
            {"temperature": float("nan")},
            "temperature must be greater than 0, received nan",
            "the greedy choice is what a temperature near 0 tends to",
        ),
        ({"top_k": 0}, "top_k must be at least 1, received 0", None),
        ({"top_p": 0}, "top_p must be greater than 0 and at most 1, received 0", None),
        ({"top_p": 1.5}, "top_p must be greater than 0 and at most 1, received 1.5", None),
    ],
)
def test_sampling_refuses(fields: dict[str, float], message: str, hint: str | None) -> None:
    with pytest.raises(UserError) as caught:
        Sampling(**fields)  # type: ignore[arg-type]
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("prompts", "length", "context", "message", "hint"),
    [
        ([], 1, None, "there are no prompts to continue", None),
        ([[0], []], 1, None, "the prompt is empty", "the network needs at least one token to say what comes next"),
        ([[0]], 0, None, "length must be at least 1, received 0", None),
        (
            [[0, 1, 2], [0]],
            7,
            8,
            "a prompt of 3 and 7 new tokens are more than the network can read: 8",
            "ask for at most 6 new tokens",
        ),
        (
            [[0] * 9],
            1,
            8,
            "a prompt of 9 and 1 new tokens are more than the network can read: 8",
            "give a shorter prompt",
        ),
    ],
)
def test_prompts_that_cannot_be_continued(
    prompts: list[list[int]], length: int, context: int | None, message: str, hint: str | None
) -> None:
    with pytest.raises(UserError) as caught:
        continue_prompts(Markov(EVEN, context), prompts, most_probable, length=length)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_the_last_token_need_not_be_read() -> None:
    model = Markov(EVEN, context=8)
    assert len(continue_prompts(model, [[0, 1, 2]], most_probable, length=6)[0].ids) == 6
    assert len(model.texts[0]) == 8
