"""Generate texts with a run folder or a bundle.

generator = Generator.load("runs/char_lstm")
print(generator.generate("ROMEO:", Sampling(temperature=0.8), length=200, seed=1).text)

A network that reads something else before it writes, a translator for one, is given that as well:

generator = Generator.load("runs/translate")
print(generator.generate("", Greedy(), given={"english": ["In the beginning"]}).text)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..bundle import Bundle
from ..device import Device
from ..errors import UserError
from ..predictor import device_for, open_model
from ..session import SessionSettings
from .beam import Beam, search
from .contract import contract_of
from .decoding import Continuation, Sampler, Sampling, continue_prompts, most_probable
from .model import NextToken
from .prefix import Prefix
from .reading import Given, Reading
from .stepper import Stepper
from .stream import TextStream
from .writing import Writing, writing_of

OnText = Callable[[str], None]
Prompt = str | Sequence[int]


@dataclass(frozen=True)
class Greedy:
    """Always the most probable token."""


How = Greedy | Sampling | Beam


@dataclass(frozen=True)
class Generated:
    """A continuation of a prompt.

    text: what follows the prompt; None where the bundle has no tokenizer. ids: its tokens. log_probability: the sum of
    the network's log-probabilities of them, and of the end token. ended: whether that came.
    """

    text: str | None
    ids: tuple[int, ...]
    log_probability: float
    ended: bool


class Generator:
    """A network that continues texts. Its sessions stay open; it may be asked many times, by one thread at a time."""

    def __init__(self, model: NextToken, writing: Writing | None = None, reading: Reading | None = None) -> None:
        self.model = model
        self.writing = writing
        self.reading = reading

    @classmethod
    def load(
        cls,
        run: str | Path | Bundle,
        *,
        device: str | Device | None = None,
        cache: bool = True,
        settings: SessionSettings | None = None,
    ) -> Generator:
        """Open a run folder (its trained weights) or a bundle folder (the weights inside it).

        device: auto, cpu or cuda; by default the spec's. cache: keep the network's states between tokens, which takes
        its step form; without, it reads the whole text again for every token.

        Raises:
            UserError: not such a folder, an unfinished run, no network that goes from tokens to the next token, or
                one without a step form.
            EnvironmentProblem: the device cannot be had.
        """
        bundle = run if isinstance(run, Bundle) else open_model(run)
        contract, device = contract_of(bundle), device_for(bundle, device)
        writing = writing_of(bundle, contract.tokens)
        if not cache:
            return cls(Prefix(bundle, contract, device, settings=settings), writing)
        model = Stepper(bundle, contract, device, settings=settings)
        return cls(model, writing, Reading(bundle, contract, device, model, settings) if contract.given else None)

    def generate(
        self,
        prompt: Prompt,
        how: How = Sampling(),  # noqa: B008 - it is frozen
        *,
        length: int = 200,
        seed: int = 0,
        given: Given | None = None,
        on_text: OnText | None = None,
    ) -> Generated:
        """Continue a prompt by at most `length` tokens. The same seed gives the same text.

        prompt: text, or ids. given: other features that the network reads before it writes, of one row.
        on_text: called with each piece of text as it comes; beam search, which knows the text only at the end, calls
        it once.

        Raises:
            UserError: an empty prompt, or more than the network can read.
        """
        if on_text is None or isinstance(how, Beam):
            ((generated,),) = self.generate_batch([prompt], how, length=length, seed=seed, given=given)
            if on_text and generated.text is not None:
                on_text(generated.text)
            return generated
        ids = self.encode(prompt)
        self._read(given, 1)
        stream = TextStream(self._require_writing().tokenizer, ids)

        def show(row: int, token: int) -> None:
            del row
            on_text(stream.push(token))

        (continuation,) = self._continue([ids], how, length, seed, 1, show)
        on_text(stream.finish())
        return self._generated(ids, continuation)

    def generate_batch(
        self,
        prompts: Sequence[Prompt],
        how: How = Sampling(),  # noqa: B008 - it is frozen
        *,
        length: int = 200,
        seed: int = 0,
        count: int = 1,
        given: Given | None = None,
    ) -> list[list[Generated]]:
        """Continue several prompts together; of each `count` continuations, for beam search the best ones.

        given: other features that the network reads before it writes, with a row for each prompt.

        Raises:
            UserError: as `generate`; or more continuations than the choice can give.
        """
        _check_count(how, count)
        ids = [self.encode(prompt) for prompt in prompts]
        self._read(given, len(ids))
        if isinstance(how, Beam):
            found = search(self.model, ids, how, length=length, end=self._end, never=self._never)
            kept = [one[:count] for one in found]
        else:
            flat = self._continue(ids, how, length, seed, count)
            kept = [flat[first : first + count] for first in range(0, len(flat), count)]
        return [[self._generated(prompt, one) for one in each] for prompt, each in zip(ids, kept, strict=True)]

    def _read(self, given: Given | None, prompts: int) -> None:
        """Let the model read what the texts are about. Raises UserError for features that do not fit."""
        if self.reading is not None:
            self.reading.read(given, prompts)
        elif given:
            names = ", ".join(f"'{name}'" for name in given)
            raise UserError(f"unknown feature {names}", "the network reads nothing but the text that it goes on with")

    def encode(self, prompt: Prompt) -> list[int]:
        """The ids that the network reads for a prompt: those of a text begin with the token for a beginning, if there
        is one.

        Raises:
            UserError: there is no tokenizer to read text with, or an id is out of range.
        """
        if isinstance(prompt, str):
            return self._require_writing().prompt(prompt)
        outside = [token for token in prompt if not 0 <= token < self.model.vocabulary]
        if outside:
            raise UserError(f"{outside[0]} is no token: there are the ids from 0 to {self.model.vocabulary - 1}")
        return list(prompt)

    def unknown_tokens(self, prompt: str) -> tuple[int, int]:
        """How many tokens of a text are not in the vocabulary, and how many there are. Raises UserError as `encode`."""
        ids = self.encode(prompt)
        return ids.count(self._require_writing().tokenizer.unknown), len(ids)

    def _continue(
        self,
        ids: Sequence[list[int]],
        how: Greedy | Sampling,
        length: int,
        seed: int,
        count: int,
        on_token: Callable[[int, int], None] | None = None,
    ) -> list[Continuation]:
        if seed < 0:
            raise UserError(f"seed must not be negative, received {seed}")
        keys = [(seed, prompt, number) for prompt in range(len(ids)) for number in range(count)]
        return continue_prompts(
            self.model,
            [prompt for prompt in ids for _ in range(count)],
            Sampler(how, keys) if isinstance(how, Sampling) else most_probable,
            length=length,
            end=self._end,
            never=self._never,
            on_token=on_token,
        )

    @property
    def _end(self) -> int | None:
        return self.writing.end if self.writing else None

    @property
    def _never(self) -> list[int]:
        return self.writing.never if self.writing else []

    def _require_writing(self) -> Writing:
        if self.writing is None:
            raise UserError(
                "the network takes the numbers of tokens, and has no tokenizer to make them of a text",
                "give its input `tokens` in the spec; from Python, a prompt may be a list of numbers",
            )
        return self.writing

    def _generated(self, prompt: list[int], continuation: Continuation) -> Generated:
        text = None
        if self.writing:
            decode = self.writing.tokenizer.decode
            text = decode([*prompt, *continuation.ids])[len(decode(prompt)) :]
        return Generated(text, continuation.ids, continuation.log_probability, continuation.ended)


def _check_count(how: How, count: int) -> None:
    if count < 1:
        raise UserError(f"count must be at least 1, received {count}")
    if isinstance(how, Greedy) and count > 1:
        raise UserError(f"the greedy choice has one continuation, not {count}", "draw with a temperature instead")
    if isinstance(how, Beam) and count > how.width:
        raise UserError(f"{count} continuations are more than the beam keeps: {how.width}", "take a wider beam")
