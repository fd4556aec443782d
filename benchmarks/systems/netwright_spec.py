"""netwright's own training loop on a spec: `netwright_spec.py SPEC DEVICE plain|graph`."""

from __future__ import annotations

import sys
import tempfile
from itertools import cycle
from pathlib import Path

from idle import idle_share
from library import load_work
from netwright.runtime import CudaOptions
from netwright.runtime.device import select
from netwright.runtime.fitting import fit
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop
from netwright.runtime.manifest import DevicePlan
from netwright.runtime.state import DeviceState
from worker import serve


def main() -> None:
    name, device, how = sys.argv[1:4]
    chosen = select(device, DevicePlan(cuda=CudaOptions(graph=how == "graph")))
    with tempfile.TemporaryDirectory() as folder:
        work = load_work(name, Path(folder))
        entries = work.bundle.manifest.state
        first = fit(work.bundle, initial_state(work.bundle, 0), work.train)
        loop = StepLoop(work.bundle, DeviceState(entries, first, [entry.name for entry in entries], chosen), chosen)
        batches = loop.feed(cycle(work.batches))

        def step() -> None:
            loop.step(next(batches))

        warmup = 2 * chosen.read_every + 10  # each slot of the results has a recording of its own
        serve(step, warmup=warmup, idle=lambda steps: idle_share(step, steps, device))


if __name__ == "__main__":
    main()
