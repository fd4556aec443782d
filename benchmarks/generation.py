"""Time generation against PyTorch eager and torch.compile, with and without a cache, alternately, in one process.

    python benchmarks/generation.py [--rounds 5] [--tokens 200] [--threads 2] [--network GPT]

Each row: the greedy continuation of a prompt of one token, by a network with random weights; netwright's whole
`Generator`, and a loop over PyTorch modules of the same sizes that keeps the same states. Without a cache both read the
whole text again for every token. `torch.compile` is given what reads a token, with dynamic shapes. Printed: tokens a
second, the median over rounds, and netwright's time divided by PyTorch's, round by round (min, median, max).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VOCABULARY = 100


@dataclass(frozen=True)
class Row:
    """A network of NETWORKS, and how many texts it continues at a time."""

    network: str
    texts: int
    cache: bool


NETWORKS = {
    "LSTM 2×256, embedding 64": """
  - embedding: {vocabulary: 100, units: 64}
  - lstm: {units: 256, layers: 2}
""",
    "GPT 4×192, 6 heads": """
  - embedding: {vocabulary: 100, units: 192}
  - positional_encoding: {encoding: learned, maximum: 1024}
  - transformer_decoder: {heads: 6, layers: 4, activation: gelu}
  - layer_norm
""",
}
ROWS = tuple(Row(network, *row) for network in NETWORKS for row in ((1, True), (16, True), (1, False)))


def spec(network: str) -> str:
    return f"""
netwright: 1
inputs: {{text: {{shape: [time], dtype: int64}}}}
network: {NETWORKS[network]}  - dense: {{units: {VOCABULARY}, name: logits}}
outputs: {{probabilities: {{softmax: {{from: logits}}}}}}
"""


def netwright(row: Row, folder: Path, tokens: int, threads: int) -> Callable[[], object]:
    from netwright.runtime import Generator, Greedy, SessionSettings

    generator = Generator.load(folder, device="cpu", cache=row.cache, settings=SessionSettings(threads=threads))
    prompts = [[number] for number in range(row.texts)]
    return lambda: generator.generate_batch(prompts, Greedy(), length=tokens)


def pytorch(row: Row, tokens: int, threads: int, *, compiled: bool = False) -> Callable[[], object]:
    import torch

    torch.set_num_threads(threads)
    head = torch.nn.Linear(256 if "LSTM" in row.network else 192, VOCABULARY)
    read = lstm(row.cache) if "LSTM" in row.network else gpt(row.cache)
    if compiled:
        read = torch.compile(read, dynamic=True)

    @torch.inference_mode()
    def generate() -> list[list[int]]:
        text = torch.arange(row.texts)[:, None]
        state: Any = None
        for _ in range(tokens):
            last, state = read(text, state)
            text = torch.cat([text, torch.softmax(head(last), -1).argmax(-1, keepdim=True)], 1)
        found: list[list[int]] = text.tolist()
        return found

    return generate


Read = Callable[[Any, Any], tuple[Any, Any]]
"""Texts and the state so far -> what the head reads of the last token, and the next state."""


def lstm(cache: bool) -> Read:
    import torch

    embedding = torch.nn.Embedding(VOCABULARY, 64)
    layers = torch.nn.LSTM(64, 256, num_layers=2, batch_first=True)

    def read(text: Any, state: Any) -> tuple[Any, Any]:
        outputs, state = layers(embedding(text[:, -1:] if cache else text), state if cache else None)
        return outputs[:, -1], state

    return read


def gpt(cache: bool, size: int = 192, heads: int = 6, depth: int = 4) -> Read:
    """A pre-norm decoder in PyTorch's own words, with keys and values kept by concatenation."""
    import torch
    from torch.nn import functional

    embedding, positions = torch.nn.Embedding(VOCABULARY, size), torch.nn.Embedding(1024, size)
    norms = [torch.nn.LayerNorm(size) for _ in range(2 * depth + 1)]
    projections = [torch.nn.Linear(size, 3 * size) for _ in range(depth)]
    outputs = [torch.nn.Linear(size, size) for _ in range(depth)]
    wide = [torch.nn.Linear(size, 4 * size) for _ in range(depth)]
    narrow = [torch.nn.Linear(4 * size, size) for _ in range(depth)]

    def read(text: Any, state: Any) -> tuple[Any, Any]:
        past = text.shape[1] - 1 if cache and state else 0
        x = embedding(text[:, past:]) + positions(torch.arange(past, text.shape[1]))
        kept = []
        for layer in range(depth):
            q, k, v = (
                part.unflatten(-1, (heads, -1)).transpose(1, 2)
                for part in projections[layer](norms[2 * layer](x)).chunk(3, -1)
            )
            if past:
                k, v = (torch.cat(pair, 2) for pair in zip(state[layer], (k, v), strict=True))
            kept.append((k, v))
            attended = functional.scaled_dot_product_attention(q, k, v, is_causal=past == 0)
            x = x + outputs[layer](attended.transpose(1, 2).flatten(2))
            x = x + narrow[layer](functional.gelu(wide[layer](norms[2 * layer + 1](x))))
        return norms[-1](x[:, -1]), kept

    return read


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--network", default="", help="only networks with this in their names")
    arguments = parser.parse_args()
    from netwright.compiler import compile_spec, load_spec_text

    with tempfile.TemporaryDirectory() as temporary:
        folders = {network: Path(temporary) / str(number) for number, network in enumerate(NETWORKS)}
        for network, folder in folders.items():
            compile_spec(load_spec_text(spec(network))).write(folder)
        print(
            "| network | texts | cache | system | tokens/s | time ratio: min | median | max |",
            "|---" * 8 + "|",
            sep="\n",
        )
        for row in (row for row in ROWS if arguments.network in row.network):
            sizes = (row, arguments.tokens, arguments.threads)
            calls = {
                "netwright": netwright(row, folders[row.network], *sizes[1:]),
                "PyTorch eager": pytorch(*sizes),
                "torch.compile": pytorch(*sizes, compiled=True),
            }
            for call in calls.values():
                call()  # sessions and caches of all are made
            rounds = [{name: seconds(call) for name, call in calls.items()} for _ in range(arguments.rounds)]
            for name in calls:
                rate = row.texts * arguments.tokens / statistics.median(times[name] for times in rounds)
                ratios = [times["netwright"] / times[name] for times in rounds]
                spread = " | ".join(f"{of(ratios):.2f}" for of in (min, statistics.median, max))
                cache = "yes" if row.cache else "no"
                print(f"| {row.network} | {row.texts} | {cache} | {name} | {rate:,.0f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
