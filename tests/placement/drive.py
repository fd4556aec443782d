"""Train on the real CUDA provider over the stand-ins: `drive.py BUNDLE STEPS [careless]`, one JSON line of counts out.

Run with the stand-ins in LD_LIBRARY_PATH. Kernels compute nothing, so losses mean nothing; everything else of the CUDA
path is what a GPU would see: which buffers are copied into, what is recorded, what is replayed, and whether anything is
called that CUDA forbids while a graph is being recorded.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
from netwright.runtime import CudaOptions, StepLoop, load_bundle
from netwright.runtime.device import CUDA

NAMES = ("recordings", "replays", "kernels", "recorded_kernels", "uploads", "arrivals", "refused")


class Counts(ctypes.Structure):
    """`standin_counts` of standins.c."""

    _fields_ = [(name, ctypes.c_long) for name in NAMES]


def counts() -> dict[str, int]:
    found = Counts.in_dll(ctypes.CDLL("libcudart.so.13"), "standin_counts")
    return {name: getattr(found, name) for name in NAMES}


def main(folder: Path, steps: int, *, careless: bool = False) -> None:
    """STEPS full batches and a smaller one; `careless`: while something else is being recorded."""
    bundle = load_bundle(folder)
    size = bundle.training_plan().batch_size
    device = dataclasses.replace(CUDA, cuda=CudaOptions(graph=True, read_every=4))
    loop = StepLoop.start(bundle, device=device)
    ports = [port for port in bundle.manifest.graphs["step"].inputs if port.role in ("feature", "target")]
    rows = [size] * steps + [size // 2]
    batches = [{p.name: np.zeros((n, *p.shape[1:]), p.dtype) for p in ports} for n in rows]
    if careless:
        ctypes.CDLL("libcudart.so.13").cudaStreamBeginCapture(None, 0)
    before = counts()
    read = [result for batch in loop.feed(batches) for result in loop.step(batch)] + loop.read()
    after = counts()
    report = {name: after[name] - before[name] for name in NAMES}
    print(json.dumps({"steps": len(read), "inputs": len(ports), **report}))  # noqa: T201 - what this program is for


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), careless=sys.argv[3:] == ["careless"])
