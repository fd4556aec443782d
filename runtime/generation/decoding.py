"""Choose token after token for a batch of prompts: always the most probable one, or by chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from .logits import Ids, Scores, draw, greedy, tempered, top_k, top_p, without
from .model import NextToken

Prompt = Sequence[int]
OnToken = Callable[[int, int], None]
"""Called with the row and the id of every token when it is chosen."""
Choose = Callable[[Scores, Sequence[int]], Ids]
"""A token for each row of log-probabilities; the numbers of the rows among the prompts come with them."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn; applied in this order.

    temperature: the logits are divided by it. Above 0; 1 takes the network's own distribution.
    top_k: draw among the k most probable tokens. 1 is the greedy choice.
    top_p: draw among the fewest most probable tokens that together have this probability.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise UserError(
                f"temperature must be greater than 0, received {self.temperature:g}",
                "the greedy choice is what a temperature near 0 tends to",
            )
        if self.top_k is not None and self.top_k < 1:
            raise UserError(f"top_k must be at least 1, received {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top_p must be greater than 0 and at most 1, received {self.top_p:g}")

    def apply(self, scores: Scores) -> Scores:
        """What is left to draw from."""
        scores = tempered(scores, self.temperature)
        if self.top_k is not None:
            scores = top_k(scores, self.top_k)
        return scores if self.top_p is None else top_p(scores, self.top_p)


class Sampler:
    """Draws by a `Sampling`, one number in [0, 1) a token and each row from a stream of its own: NumPy's PCG64, seeded
    with the key of the row.

    So a row gets the same text whatever other rows there are, but for what the size of a batch changes in the last
    digits of a network's outputs.
    """

    def __init__(self, sampling: Sampling, keys: Sequence[Sequence[int]]) -> None:
        self._sampling = sampling
        self._streams = [np.random.default_rng(tuple(key)) for key in keys]

    def __call__(self, scores: Scores, rows: Sequence[int]) -> Ids:
        return draw(self._sampling.apply(scores), [self._streams[row].random() for row in rows])


def most_probable(scores: Scores, rows: Sequence[int]) -> Ids:
    """The greedy choice."""
    del rows
    return greedy(scores)


@dataclass(frozen=True)
class Continuation:
    """What was generated after a prompt.

    ids: the new tokens, without the end token. log_probability: the sum of the network's own log-probabilities of them,
    and of the end token where it came. ended: whether it did.
    """

    ids: tuple[int, ...]
    log_probability: float
    ended: bool


def continue_prompts(
    model: NextToken,
    prompts: Sequence[Prompt],
    choose: Choose,
    *,
    length: int,
    end: int | None = None,
    never: Collection[int] = (),
    on_token: OnToken | None = None,
) -> list[Continuation]:
    """Continue each prompt by `length` tokens, or until the `end` token. `never`: tokens that are not text.

    Prompts may differ in length: all rows begin together, and a row whose prompt is over chooses while others still
    read. So no row is padded, and every token stands at its own place.

    Raises:
        UserError: an empty prompt, or more tokens than the network can read.
    """
    check_prompts(model, prompts, length)
    rows = [_Row(list(prompt)) for prompt in prompts]
    together = min(len(prompt) for prompt in prompts)
    model.start(len(rows))
    fed = np.array([row.prompt[:together] for row in rows], np.int64)
    for place in range(together, max(len(prompt) for prompt in prompts) + length):
        scores = model.feed(fed)
        choosing = [number for number, row in enumerate(rows) if place >= len(row.prompt) and not row.over]
        if choosing:
            chosen = choose(without(scores[choosing], list(never)), choosing)
            for number, token in zip(choosing, chosen.tolist(), strict=True):
                rows[number].take(token, float(scores[number, token]), length, end)
                if on_token and token != end:
                    on_token(number, token)
        if all(row.over for row in rows):
            break
        fed = np.array([[row.next_to_read(place)] for row in rows], np.int64)
    return [Continuation(tuple(row.new), row.log_probability, row.ended) for row in rows]


class _Row:
    """One text on its way: the prompt, then what was chosen."""

    def __init__(self, prompt: list[int]) -> None:
        self.prompt = prompt
        self.new: list[int] = []
        self.log_probability = 0.0
        self.ended = False
        self.over = False

    def take(self, token: int, log_probability: float, length: int, end: int | None) -> None:
        self.log_probability += log_probability
        self.ended = token == end
        if not self.ended:
            self.new.append(token)
        self.over = self.ended or len(self.new) == length

    def next_to_read(self, place: int) -> int:
        """The token at a place; after the last one any will do, as nobody looks at what follows it."""
        if place < len(self.prompt):
            return self.prompt[place]
        return self.new[-1] if self.new else self.prompt[-1]


def check_prompts(model: NextToken, prompts: Sequence[Prompt], length: int) -> None:
    """Refuse what cannot be continued.

    Raises:
        UserError: no prompts, an empty one, a length below 1, or more tokens than the network can read.
    """
    if not prompts:
        raise UserError("there are no prompts to continue")
    if length < 1:
        raise UserError(f"length must be at least 1, received {length}")
    if any(len(prompt) == 0 for prompt in prompts):
        raise UserError("the prompt is empty", "the network needs at least one token to say what comes next")
    read = max(len(prompt) for prompt in prompts) + length - 1  # the last token is not read any more
    if model.context is not None and read > model.context:
        longest = max(len(prompt) for prompt in prompts)
        raise UserError(
            f"a prompt of {longest} and {length} new tokens are more than the network can read: {model.context}",
            f"ask for at most {model.context + 1 - longest} new tokens"
            if longest <= model.context
            else "give a shorter prompt",
        )
