"""netwright's own training loop on the MLP: `netwright_mlp.py BATCH THREADS`."""

from __future__ import annotations

import sys
import tempfile
from itertools import cycle
from pathlib import Path

import numpy as np
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime.bundle import load_bundle
from netwright.runtime.device import CPU
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop
from netwright.runtime.session import SessionSettings
from netwright.runtime.state import DeviceState
from worker import serve

SPEC = """
netwright: 1
name: mlp
inputs: {image: [784]}
network:
  - dense: {units: 512, activation: relu}
  - dense: {units: 512, activation: relu}
  - dense: 10
training: {loss: {categorical_cross_entropy: {target: label}}, optimizer: {adam: {learning_rate: 1e-3}}}
"""


def main() -> None:
    rows, threads = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        compile_spec(load_spec_text(SPEC)).write(Path(folder) / "bundle")
        bundle = load_bundle(Path(folder) / "bundle")
        entries = bundle.manifest.state
        state = DeviceState(entries, initial_state(bundle, 0), [entry.name for entry in entries], CPU)
        loop = StepLoop(bundle, state, CPU, settings=SessionSettings(threads=threads))
        random = np.random.default_rng(0)
        batches = cycle(
            [
                {
                    "image": random.random((rows, 784), dtype=np.float32),
                    "label": random.integers(0, 10, rows),
                }
                for _ in range(8)
            ]
        )
        serve(lambda: void(loop.step(next(batches), rows)))


def void(_: object) -> None:
    """Drop a result."""


if __name__ == "__main__":
    main()
