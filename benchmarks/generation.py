"""Time generation against PyTorch eager, with and without a cache, alternately, in one process.

    python benchmarks/generation.py [--rounds 5] [--tokens 200] [--threads 2]

Each row: the greedy continuation of a prompt of one token, by a network with random weights; netwright's whole
`Generator`, and a loop over PyTorch modules of the same sizes that keeps the same states. Without a cache both read the
whole text again for every token. Printed: tokens a second, the median over rounds, and netwright's time divided by
PyTorch's, round by round (min, median, max).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

VOCABULARY = 100


@dataclass(frozen=True)
class Row:
    """A network and how many texts it continues at a time."""

    name: str
    texts: int
    cache: bool


ROWS = tuple(
    Row("char_lstm: embedding 64, LSTM 2×256", texts, cache) for texts, cache in ((1, True), (16, True), (1, False))
)
SPEC = f"""
netwright: 1
inputs: {{text: {{shape: [time], dtype: int64}}}}
network:
  - embedding: {{vocabulary: {VOCABULARY}, units: 64}}
  - lstm: {{units: 256, layers: 2}}
  - dense: {{units: {VOCABULARY}, name: logits}}
outputs: {{probabilities: {{softmax: {{from: logits}}}}}}
"""


def netwright(row: Row, folder: Path, tokens: int, threads: int) -> Callable[[], object]:
    from netwright.runtime import Generator, Greedy, SessionSettings

    generator = Generator.load(folder, device="cpu", cache=row.cache, settings=SessionSettings(threads=threads))
    prompts = [[number] for number in range(row.texts)]
    return lambda: generator.generate_batch(prompts, Greedy(), length=tokens)


def pytorch(row: Row, tokens: int, threads: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(threads)
    embedding = torch.nn.Embedding(VOCABULARY, 64)
    lstm = torch.nn.LSTM(64, 256, num_layers=2, batch_first=True)
    head = torch.nn.Linear(256, VOCABULARY)

    @torch.inference_mode()
    def generate() -> list[list[int]]:
        text = torch.arange(row.texts)[:, None]
        state = None
        for _ in range(tokens):
            if row.cache:
                outputs, state = lstm(embedding(text[:, -1:]), state)
            else:
                outputs, _ = lstm(embedding(text))
            probabilities = torch.softmax(head(outputs[:, -1]), -1)
            text = torch.cat([text, probabilities.argmax(-1, keepdim=True)], 1)
        return text.tolist()

    return generate


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    from netwright.compiler import compile_spec, load_spec_text

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bundle"
        compile_spec(load_spec_text(SPEC)).write(folder)
        print("network | texts | cache | netwright tokens/s | PyTorch tokens/s | time ratio (min, median, max)")
        for row in ROWS:
            calls = (
                netwright(row, folder, arguments.tokens, arguments.threads),
                pytorch(row, arguments.tokens, arguments.threads),
            )
            for call in calls:
                call()  # sessions and caches of both are made
            rounds = [tuple(seconds(call) for call in calls) for _ in range(arguments.rounds)]
            ours, theirs = (
                row.texts * arguments.tokens / statistics.median(times) for times in zip(*rounds, strict=True)
            )
            ratios = sorted(a / b for a, b in rounds)
            shown = f"{ratios[0]:.2f} {statistics.median(ratios):.2f} {ratios[-1]:.2f}"
            print(f"{row.name} | {row.texts} | {'yes' if row.cache else 'no'} | {ours:,.0f} | {theirs:,.0f} | {shown}")


if __name__ == "__main__":
    main()
