"""netwright's own training loop: `netwright_step.py NETWORK BATCH THREADS [TARGET [cpu|cuda [plain|graph]]]`."""

from __future__ import annotations

import sys
import tempfile
from itertools import cycle
from pathlib import Path

import numpy as np
from idle import idle_share
from networks import NETWORKS
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import CudaOptions
from netwright.runtime.bundle import load_bundle
from netwright.runtime.device import select
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop
from netwright.runtime.manifest import DevicePlan
from netwright.runtime.session import SessionSettings
from netwright.runtime.state import DeviceState
from worker import serve


def main() -> None:
    network, rows, threads = NETWORKS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    target, device, how = (*sys.argv[4:], *("portable", "cpu", "plain")[len(sys.argv) - 4 :])
    chosen = select(device, DevicePlan(cuda=CudaOptions(graph=how == "graph")))
    with tempfile.TemporaryDirectory() as folder:
        text = network.spec.replace("training: {", f"training: {{batch_size: {rows}, ")
        compile_spec(load_spec_text(text), target=target).write(Path(folder) / "bundle")
        bundle = load_bundle(Path(folder) / "bundle")
        entries = bundle.manifest.state
        advanced = [entry.name for entry in entries]
        state = DeviceState(entries, initial_state(bundle, 0), advanced, chosen)
        loop = StepLoop(bundle, state, chosen, settings=SessionSettings(threads=threads))
        random = np.random.default_rng(0)
        batches = loop.feed(cycle([network.batch(random, rows) for _ in range(8)]))

        def step() -> None:
            loop.step(next(batches), rows)

        warmup = 2 * chosen.read_every + 10  # each slot of the results has a recording of its own
        serve(step, warmup=warmup, idle=lambda steps: idle_share(step, steps, device))


if __name__ == "__main__":
    main()
