"""netwright's own training loop: `netwright_step.py NETWORK BATCH THREADS [portable|ort]`."""

from __future__ import annotations

import sys
import tempfile
from itertools import cycle
from pathlib import Path

import numpy as np
from networks import NETWORKS
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime.bundle import load_bundle
from netwright.runtime.device import CPU
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop
from netwright.runtime.session import SessionSettings
from netwright.runtime.state import DeviceState
from worker import serve


def main() -> None:
    network, rows, threads = NETWORKS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    target = sys.argv[4] if len(sys.argv) > 4 else "portable"
    with tempfile.TemporaryDirectory() as folder:
        compile_spec(load_spec_text(network.spec), target=target).write(Path(folder) / "bundle")
        bundle = load_bundle(Path(folder) / "bundle")
        entries = bundle.manifest.state
        advanced = [entry.name for entry in entries]
        state = DeviceState(entries, initial_state(bundle, 0), advanced, CPU)
        loop = StepLoop(bundle, state, CPU, settings=SessionSettings(threads=threads))
        random = np.random.default_rng(0)
        batches = cycle([network.batch(random, rows) for _ in range(8)])
        serve(lambda: void(loop.step(next(batches), rows)))


def void(_: object) -> None:
    """Drop a result."""


if __name__ == "__main__":
    main()
