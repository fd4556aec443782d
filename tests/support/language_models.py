"""Networks that say what comes next: one whose answers are written down, and one that is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.tokenizer_files import TokenizerFile
from netwright.runtime.data import source_schema
from netwright.runtime.tokenizers.fitting import fit_tokenizer
from netwright.runtime.tokenizers.tokenizer import tokenizer_of

LSTM = """
netwright: 1
inputs: {text: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 12, units: 8, weight_initializer: {normal: {stddev: 2}}}
  - lstm: {units: 16, layers: 2, recurrent_initializer: {normal: {stddev: 0.7}}}
  - gru: 8
  - dense: {units: 12, weight_initializer: {normal: {stddev: 2}}, name: logits}
outputs: {probabilities: {softmax: {from: logits}}}
"""
"""A stand-in for a trained network: its first weights are large, so that its answers differ from text to text."""


GPT = """
netwright: 1
inputs: {text: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 12, units: 8, weight_initializer: {normal: {stddev: 2}}}
  - positional_encoding: {encoding: learned, maximum: 16}
  - transformer_decoder: {heads: 2, layers: 2}
  - dense: {units: 12, weight_initializer: {normal: {stddev: 2}}, name: logits}
outputs: {probabilities: {softmax: {from: logits}}}
"""
"""Another, whose keys and values grow with the text, and whose positions come to an end."""

TEXT = "To be, or not to be: that is the question.\n"
WRITTEN = """
netwright: 1
tokenizers: {{letters: {level}}}
inputs: {{text: {{shape: [time], dtype: int64, tokens: {{by: letters, begin: {begin}, end: {end}}}}}}}
network:
  - embedding: {{vocabulary: "${{letters}}", units: 8, weight_initializer: {{normal: {{stddev: 2}}}}}}
  - lstm: {{units: 16, recurrent_initializer: {{normal: {{stddev: 0.7}}}}}}
  - dense: {{units: "${{letters}}", weight_initializer: {{normal: {{stddev: 2}}}}, name: logits}}
outputs: {{probabilities: {{softmax: {{from: logits}}}}}}
data: {{source: {{table: {{values: {{text: [a]}}}}}}}}
"""
ATTENDING = WRITTEN.replace(
    "- lstm: {{units: 16, recurrent_initializer: {{normal: {{stddev: 0.7}}}}}}",
    "- positional_encoding\n  - transformer_decoder: {{heads: 2, layers: 2}}",
)


TRANSLATOR = """
netwright: 1
tokenizers: {letter: char}
inputs:
  source: {shape: [length], dtype: int64, tokens: letter}
  source_length: {shape: [], dtype: int64, length_of: source}
  answer: {shape: [time], dtype: int64, tokens: {by: letter, begin: true}}
  answer_length: {shape: [], dtype: int64, length_of: answer}
network:
  - embedding: {vocabulary: "${letter}", units: 8, from: source, weight_initializer: {normal: {stddev: 2}}}
  - lstm: {units: 8, bidirectional: true, lengths: source_length, name: memory}
  - lstm: {units: 12, return: state, lengths: source_length, name: thought}
  - embedding: {vocabulary: "${letter}", units: 8, from: answer, weight_initializer: {normal: {stddev: 2}}}
  - lstm: {units: 12, initial_from: thought, recurrent_initializer: {normal: {stddev: 0.7}}}
  - attention: {memory: memory, score: additive, lengths: source_length}
  - dense: {units: "${letter}", weight_initializer: {normal: {stddev: 2}}, name: logits}
outputs: {probabilities: {softmax: {from: logits}}}
training:
  loss: {categorical_cross_entropy: {target: next, from: logits, lengths: answer_length}}
data:
  source: {table: {values: {source: [a], answer: [a]}}}
  next_tokens: {next: answer}
"""
"""A network that reads letters, and writes others about them; its first weights are large too."""


def write_translator(folder: Path) -> Path:
    """The bundle of TRANSLATOR, with a tokenizer for four letters; its first weights inside."""
    content = fit_tokenizer(["abcd"], "char")
    file = TokenizerFile(content, tokenizer_of(content, "letter").size)
    spec = load_spec_text(TRANSLATOR, data_schema=source_schema(), token_sizes={"letter": file.size})
    compile_spec(spec, tokenizers={"letter": file}).write(folder)
    return folder


def write_text_bundle(
    folder: Path, text: str = WRITTEN, *, level: str = "char", begin: bool = False, end: bool = False
) -> Path:
    """The bundle of a network that reads text, with a tokenizer for TEXT; its first weights inside."""
    content = fit_tokenizer([TEXT], level)
    file = TokenizerFile(content, tokenizer_of(content, "letters").size)
    text = text.format(level=level, begin=str(begin).lower(), end=str(end).lower())
    spec = load_spec_text(text, data_schema=source_schema(), token_sizes={"letters": file.size})
    compile_spec(spec, tokenizers={"letters": file}).write(folder)
    return folder


def write_bundle(folder: Path, text: str = LSTM) -> Path:
    """The bundle of a spec, its first weights inside."""
    compile_spec(load_spec_text(text)).write(folder)
    return folder


class Markov:
    """What comes next depends on the last token alone: row i of a matrix of probabilities follows token i.

    It keeps the texts, so that a test can see what was read.
    """

    def __init__(self, matrix: npt.ArrayLike, context: int | None = None) -> None:
        self.matrix = np.asarray(matrix, np.float64)
        self.vocabulary = len(self.matrix)
        self.context = context
        self.texts: list[list[int]] = []
        self.calls = 0

    def start(self, rows: int) -> None:
        self.texts = [[] for _ in range(rows)]

    def feed(self, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        self.calls += 1
        for text, new in zip(self.texts, tokens.tolist(), strict=True):
            text.extend(new)
        with np.errstate(divide="ignore"):
            return np.log(self.matrix[tokens[:, -1]])

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        self.texts = [list(self.texts[row]) for row in rows]


class Remembering(Markov):
    """What comes next depends on every token of the text, in a way without a pattern."""

    def __init__(self, vocabulary: int, seed: int) -> None:
        super().__init__(np.zeros((vocabulary, vocabulary)))
        self.seed = seed

    def following(self, text: Sequence[int]) -> npt.NDArray[np.float64]:
        """The distribution after a text, (vocabulary,)."""
        return np.random.default_rng((self.seed, *text)).dirichlet(np.full(self.vocabulary, 0.5))

    def feed(self, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        super().feed(tokens)
        return np.log(np.array([self.following(text) for text in self.texts]))
