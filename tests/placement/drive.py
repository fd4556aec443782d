"""Train on the real CUDA provider over the stand-ins: `drive.py loop BUNDLE STEPS` or `drive.py train BUNDLE RUN`, one
JSON line of counts out. `careless` instead of `loop` does what CUDA forbids.

Run with the stand-ins in LD_LIBRARY_PATH. Kernels compute nothing, so every loss is 0; everything else of the CUDA
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
from netwright.runtime import CudaOptions, StepLoop, evaluate, load_bundle, train
from netwright.runtime.device import CUDA

NAMES = ("recordings", "replays", "kernels", "recorded_kernels", "uploads", "arrivals", "refused")


class Counts(ctypes.Structure):
    """`standin_counts` of standins.c."""

    _fields_ = [(name, ctypes.c_long) for name in NAMES]


def counts() -> dict[str, int]:
    found = Counts.in_dll(ctypes.CDLL("libcudart.so.13"), "standin_counts")
    return {name: getattr(found, name) for name in NAMES}


RECORDED = dataclasses.replace(CUDA, cuda=CudaOptions(graph=True, read_every=4))


def loop(folder: Path, steps: int, *, careless: bool = False) -> dict[str, int]:
    """`steps` full batches of zeros and a smaller one; `careless`: while something else is being recorded."""
    bundle = load_bundle(folder)
    size = bundle.training_plan().batch_size
    stepping = StepLoop.start(bundle, device=RECORDED)
    ports = [port for port in bundle.manifest.graphs["step"].inputs if port.role in ("feature", "target")]
    rows = [size] * steps + [size // 2]
    batches = [{p.name: np.zeros((n, *p.shape[1:]), p.dtype) for p in ports} for n in rows]
    if careless:
        ctypes.CDLL("libcudart.so.13").cudaStreamBeginCapture(None, 0)
    before = counts()
    read = [result for batch in stepping.feed(batches) for result in stepping.step(batch)] + stepping.read()
    after = counts()
    return {"steps": len(read), "inputs": len(ports), **{name: after[name] - before[name] for name in NAMES}}


def whole(folder: Path, run: Path) -> dict[str, int]:
    """A run from data to summary, and what evaluating it again gives."""
    summary = train(folder, run, device=RECORDED)
    evaluate(run, device=RECORDED)
    return {"steps": summary.steps, "on_cuda": int(summary.device == "cuda"), **counts()}


if __name__ == "__main__":
    how, bundle_folder, given = sys.argv[1:]
    if how == "train":
        report = whole(Path(bundle_folder), Path(given))
    else:
        report = loop(Path(bundle_folder), int(given), careless=how == "careless")
    print(json.dumps(report))  # noqa: T201 - what this program is for
