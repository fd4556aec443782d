"""`letter_sequences`: rows of letters to be copied, reversed or sorted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netwright.schema import spec_field

from ...errors import UserError
from ..source import Dataset, DataSource

if TYPE_CHECKING:
    from ..columns import ArrayColumns


@DataSource.registry.register("letter_sequences")
@dataclass(frozen=True, kw_only=True)
class LetterSequences(DataSource):
    """Random rows of letters, and the same letters in the order that a network is to learn.

    Columns: `letters` and `answer` (text, letters side by side, such as `bda` and `adb`). Lengths and letters are
    uniform. It brings a test partition of its own, none of whose rows occurs in training; no row occurs twice.
    """

    example: ClassVar[str] = "letter_sequences: {answer: sorted, longest: 8}"
    answer: Literal["same", "reversed", "sorted"] = spec_field("What becomes of the letters.", default="reversed")
    alphabet: str = spec_field("The letters, in the order of `sorted`.", default="abcdefghijklmnopqrstuvwxyz")
    shortest: int = spec_field("Least letters in a row.", default=4, minimum=1)
    longest: int = spec_field("Most letters in a row.", default=12, minimum=1)
    rows: int = spec_field("How many rows to make for training.", default=20_000, minimum=1)
    test_rows: int = spec_field("How many to make for testing.", default=1000, minimum=1)
    seed: int = spec_field("Of the random numbers.", default=0, minimum=0)

    def load(self, base: Path) -> Dataset:
        import numpy as np

        self._check()
        generator = np.random.Generator(np.random.PCG64(self.seed))
        made: dict[str, None] = {}
        while len(made) < self.rows + self.test_rows:
            length = int(generator.integers(self.shortest, self.longest + 1))
            row = generator.integers(0, len(self.alphabet), length)
            made["".join(self.alphabet[letter] for letter in row)] = None
        drawn = list(made)
        return Dataset.of({"train": self._columns(drawn[: self.rows]), "test": self._columns(drawn[self.rows :])})

    def _check(self) -> None:
        if self.shortest > self.longest:
            raise UserError(f"data source 'letter_sequences': shortest is {self.shortest}, longest is {self.longest}")
        if len(set(self.alphabet)) < max(len(self.alphabet), 2):
            raise UserError(
                f"data source 'letter_sequences': the alphabet {self.alphabet!r} is not two different letters or more"
            )
        wanted, lengths = self.rows + self.test_rows, range(self.shortest, self.longest + 1)
        # rows may not occur twice: half of all there are can still be drawn one by one
        if 2 * wanted > sum(len(self.alphabet) ** length for length in lengths):
            raise UserError(
                f"data source 'letter_sequences': {wanted:,} are more than half of the rows that there are",
                "ask for fewer, or for longer ones",
            )

    def _columns(self, rows: list[str]) -> ArrayColumns:
        from ..columns import ArrayColumns
        from ..text import text_array

        answers: dict[str, Any] = {"same": str, "reversed": lambda row: row[::-1], "sorted": self._sorted}
        return ArrayColumns({"letters": text_array(rows), "answer": text_array(map(answers[self.answer], rows))})

    def _sorted(self, row: str) -> str:
        return "".join(sorted(row, key=self.alphabet.index))
