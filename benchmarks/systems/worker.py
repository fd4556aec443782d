"""The loop every timed system runs in its own process: read a number of steps, time them, answer with milliseconds.

Processes of their own keep one system's idle threads from disturbing another's steps.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

READ_EVERY = {"cpu": 1, "cuda": 16}
"""Steps between readings of the loss in PyTorch, as netwright has it."""


def serve(step: Callable[[], None], warmup: int = 10, idle: Callable[[int], float | None] = lambda _: None) -> None:
    """Answer each line `N` on standard input with the seconds of N steps, as a JSON list, until it closes.

    A line `idle N` is answered with the share of the time of N steps in which the GPU does nothing.
    """
    for _ in range(warmup):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("idle"):
            print(json.dumps(idle(int(line.split()[1]))), flush=True)
            continue
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        print(json.dumps(times), flush=True)
