"""Time forward and backward of recurrent layers against PyTorch eager, alternately, in one process.

    python benchmarks/recurrent.py [--rounds 15] [--repeat 8] [--threads 2 | --cpu]

Each row: an LSTM or GRU over sequences, loss and the gradients of all its weights (`gradients.onnx`), batch and time
fixed when the session is made. Printed: the median over rounds of each system's best time in a round, and netwright's
time divided by PyTorch's, round by round (min, median, max). Then what a training step keeps in memory with
`backward: saved` and `backward: recomputed`, as the peak of a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = {
    "LSTM 35×20, 200": ("lstm", 35, 20, 200, 1),
    "GRU 35×20, 200": ("gru", 35, 20, 200, 1),
    "LSTM 35×20, 2×650": ("lstm", 35, 20, 650, 2),
    "LSTM 128×32, 256": ("lstm", 128, 32, 256, 1),
}


def netwright(
    kind: str, steps: int, batch: int, units: int, layers: int, threads: int, fields: str = ""
) -> Callable[[], Any]:
    """A call of `gradients.onnx`."""
    import onnxruntime
    from netwright.compiler import compile_spec, load_spec_text

    text = f"""
netwright: 1
inputs: {{x: [time, {units}]}}
network: [{{{kind}: {{units: {units}, layers: {layers}{fields}}}}}]
training: {{loss: squared_error}}
"""
    bundle = compile_spec(load_spec_text(text))
    model = bundle.models()["gradients"].SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.spin_duration_us", "200")
    for name, size in (("batch", batch), ("time", steps)):
        options.add_free_dimension_override_by_name(name, size)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    feeds = {
        value.name: random.normal(0, 0.1, [int(size) for size in value.shape]).astype(np.float32)
        for value in session.get_inputs()
        if value.type == "tensor(float)"
    }
    feeds |= {value.name: np.array(0) for value in session.get_inputs() if value.name not in feeds}
    return lambda: session.run(None, feeds)


def pytorch(kind: str, steps: int, batch: int, units: int, layers: int, threads: int) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(threads)
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](units, units, layers)
    x, target = (torch.randn(steps, batch, units) * 0.1 for _ in range(2))

    def step() -> None:
        layer.zero_grad()
        torch.nn.functional.mse_loss(layer(x)[0], target).backward()

    return step


def best(call: Callable[[], Any], repeat: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Milliseconds."""
    times = []
    for _ in range(repeat):
        began = clock()
        call()
        times.append(clock() - began)
    return 1e3 * min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeat", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu", action="store_true", help="processor time on one thread, for a machine that is busy")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call = netwright("lstm", 1024, 32, 256, 1, options.threads, f", backward: {options.memory}")
        for _ in range(3):
            call()
        print(f"{(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MB")
        return
    clock = time.process_time if options.cpu else time.perf_counter
    options.threads = 1 if options.cpu else options.threads
    print("| row | netwright, ms | PyTorch eager, ms | ratio: min | median | max |\n|---|---|---|---|---|---|")
    for label, sizes in ROWS.items():
        ours, theirs = netwright(*sizes, options.threads), pytorch(*sizes, options.threads)
        for call in (ours, theirs):
            best(call, 3)
        turns = [tuple(best(one, options.repeat, clock) for one in (ours, theirs)) for _ in range(options.rounds)]
        ratios = [a / b for a, b in turns]
        a, b = (statistics.median(column) for column in zip(*turns, strict=True))
        print(
            f"| {label} | {a:.1f} | {b:.1f} | {min(ratios):.2f} | {statistics.median(ratios):.2f} | {max(ratios):.2f} |"
        )
    for backward in ("saved", "recomputed"):
        command = [sys.executable, __file__, "--memory", backward]
        print(backward, subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
