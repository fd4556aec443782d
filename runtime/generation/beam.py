"""Beam search: the continuations that are most probable as a whole, or nearly so.

In each step the `width` best beginnings are kept. Of their best 2·width continuations, those among the first `width`
that end are complete; the best `width` that do not end go on. A prompt is done when `width` are complete and none under
way has a better score at its present length, or at the length that was asked for, where those under way count as well.
So a width of 1 is the greedy choice, and a width as large as the number of continuations finds the best of all.

The score is the log-probability over the length penalty of Wu et al., Google's Neural Machine Translation System, 2016
(equation 14, without coverage): lp(Y) = ((5 + |Y|) / 6)^α, |Y| counting the end token.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import UserError
from .decoding import Continuation, Prompt, check_prompts
from .logits import Ids, Scores, greatest, without
from .model import NextToken


@dataclass(frozen=True)
class Beam:
    """width: how many beginnings are kept. length_penalty: α; 0 compares log-probabilities themselves, which favours
    short continuations; 0.6 is that of Wu et al."""

    width: int
    length_penalty: float = 0.6

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UserError(f"beam must be at least 1, received {self.width}")
        if not (math.isfinite(self.length_penalty) and self.length_penalty >= 0):
            raise UserError(f"length_penalty must not be negative, received {self.length_penalty:g}")


def normalised(log_probability: float, length: int, penalty: float) -> float:
    """log P(Y) / lp(Y), by which complete continuations are compared."""
    return float(log_probability / ((5 + length) / 6) ** penalty)


def search(
    model: NextToken,
    prompts: Sequence[Prompt],
    beam: Beam,
    *,
    length: int,
    end: int | None = None,
    never: Collection[int] = (),
) -> list[list[Continuation]]:
    """For each prompt the best continuations that were found, at most `width`, the best first.

    Prompts may differ in length, as for `continue_prompts`.

    Raises:
        UserError: an empty prompt, or more tokens than the network can read.
    """
    check_prompts(model, prompts, length)
    searches = [_Search(list(prompt), beam, length, end) for prompt in prompts]
    together = min(len(prompt) for prompt in prompts)
    model.start(len(searches) * beam.width)
    fed = np.repeat(np.array([prompt[:together] for prompt in prompts], np.int64), beam.width, axis=0)
    for place in range(together, max(len(prompt) for prompt in prompts) + length):
        scores = without(model.feed(fed), list(never))
        kept, following = [], []
        for number, one in enumerate(searches):
            first = number * beam.width
            parents, tokens = one.advance(place, scores[first : first + beam.width])
            kept.append(parents + first)
            following.append(tokens)
        if all(one.done for one in searches):
            break
        model.keep(np.concatenate(kept))
        fed = np.concatenate(following)[:, None]
    return [one.best() for one in searches]


@dataclass
class _Search:
    """The beams of one prompt."""

    prompt: list[int]
    beam: Beam
    length: int
    end: int | None
    done: bool = False
    complete: list[Continuation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.beginnings: list[tuple[int, ...]] = [()] * self.beam.width
        self.totals = np.full(self.beam.width, -np.inf)
        self.totals[0] = 0  # at first all beams are the same, so one of them counts

    def advance(self, place: int, scores: Scores) -> tuple[Ids, Ids]:
        """Take a step: which beam each goes on from, and its token."""
        stay = np.arange(self.beam.width)
        if place < len(self.prompt):
            return stay, np.full(self.beam.width, self.prompt[place])
        if self.done:
            return stay, np.full(self.beam.width, self.prompt[-1])  # fed for the other prompts' sake, and not looked at
        parents, tokens = self._extend(scores)
        if len(parents) == 0:
            self.done = True
        elif len(self.beginnings[0]) == self.length:
            self._complete_unended()
            self.done = True
        else:
            self.done = self._settled()
        spare = self.beam.width - len(parents)  # fewer continuations than beams: rows without a part in the search
        return np.pad(parents, (0, spare)), np.pad(tokens, (0, spare), constant_values=self.prompt[-1])

    def _extend(self, scores: Scores) -> tuple[Ids, Ids]:
        """Complete what ends, keep the best of what goes on."""
        width, vocabulary = scores.shape
        totals = (self.totals[:, None] + scores).ravel()
        going: list[int] = []
        for rank, candidate in enumerate(greatest(totals, min(2 * width, totals.size)).tolist()):
            if totals[candidate] == -np.inf or len(going) == width:
                break
            parent, token = divmod(candidate, vocabulary)
            if token != self.end:
                going.append(candidate)
            elif rank < width:
                self.complete.append(Continuation(self.beginnings[parent], float(totals[candidate]), True))
        parents, tokens = np.divmod(np.array(going, np.int64), vocabulary)
        self.beginnings = [(*self.beginnings[p], t) for p, t in zip(parents.tolist(), tokens.tolist(), strict=True)]
        self.totals = np.concatenate([totals[going], np.full(width - len(going), -np.inf)])
        self.beginnings += [()] * (width - len(going))
        return parents, tokens

    def _settled(self) -> bool:
        """Whether what is complete is at least as good as the best that is under way: to stop as soon as `width` are
        complete would prefer short ones, which are complete first."""
        if len(self.complete) < self.beam.width:
            return False
        under_way = normalised(self.totals[0], len(self.beginnings[0]), self.beam.length_penalty)
        return self._score(self.best()[-1]) >= under_way

    def _score(self, one: Continuation) -> float:
        return normalised(one.log_probability, len(one.ids) + one.ended, self.beam.length_penalty)

    def _complete_unended(self) -> None:
        self.complete += [
            Continuation(ids, float(total), False)
            for ids, total in zip(self.beginnings, self.totals, strict=True)
            if total > -np.inf
        ]

    def best(self) -> list[Continuation]:
        """The complete ones, the best first."""
        return sorted(self.complete, key=lambda one: -self._score(one))[: self.beam.width]
