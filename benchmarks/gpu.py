"""Time the model library's networks on a GPU beside other systems, and write the result as Markdown.

    python benchmarks/gpu.py [--output cuda-results.md] [--ort-training PYTHON] [--spec NAME ...]
                             [--network NAME@BATCH ...]

Needs `.[cuda]` and torch. Every system trains in a process of its own on the same batches of the spec's own data; in
every round each takes its turn for some steps, so that a drifting machine slows all of them. A ratio is netwright's
time divided by the system's, round by round: below 1 netwright is faster. GPU utilisation is what the driver says
during the turns, through nvidia-ml-py or nvidia-smi; the idle share is the time without a running kernel in a trace.

`--ort-training` names the Python of an environment with onnxruntime-training, which is timed on the MNIST MLP alone.
See benchmarks/cuda.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SYSTEMS = HERE / "systems"
ORT_TRAINING_SPEC = "mnist_mlp"
NETWORKS = ("mlp@256", "lenet@256", "cifar@256", "resnet20@128", "resnet18@64", "gpt128@64", "gpt512@16")
"""Networks of systems/networks.py on random examples, with the batch sizes that they are timed at."""


Way = tuple[str, ...]
"""A system to start: its label, Python, script and arguments."""


@dataclass
class System:
    """A timed system: its process, the median milliseconds of its turns, and what the GPU did meanwhile."""

    label: str
    process: subprocess.Popen[str]
    turns: list[float] = field(default_factory=list)
    utilisation: list[float] = field(default_factory=list)
    idle: float | None = None

    def ask(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def turn(self, steps: int, meter: Meter) -> None:
        with meter:
            times = self.ask(str(steps))
        self.turns.append(1e3 * statistics.median(times))
        self.utilisation += meter.samples

    def close(self) -> None:
        self.process.communicate()


class Meter:
    """Samples how busy the GPU is, in percent, while it is entered. `read` gives None where nothing can tell."""

    def __init__(self, read: Callable[[], float | None], seconds: float = 0.1) -> None:
        self._read = read
        self._seconds = seconds
        self.samples: list[float] = []

    def __enter__(self) -> None:
        self.samples = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(self._seconds):
            value = self._read()
            if value is None:
                return
            self.samples.append(value)


def gpu_reader(device: str) -> Callable[[], float | None]:
    """How to ask for the utilisation of the first GPU."""
    if device != "cuda":
        return lambda: None
    try:
        import pynvml  # of nvidia-ml-py

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        return lambda: float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except ImportError:
        return nvidia_smi if shutil.which("nvidia-smi") else lambda: None


def nvidia_smi() -> float:
    """The utilisation that the driver's own program prints."""
    query = ["nvidia-smi", "--id=0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    return float(subprocess.run(query, check=True, capture_output=True, text=True).stdout)


def start(label: str, python: str, script: str, *arguments: str) -> System | str:
    """A worker that has warmed up, or its last words when it could not."""
    command = [python, str(SYSTEMS / script), *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as words:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "ready":
                return System(label, process)
        process.communicate()
        words.seek(0)
        said = [line.strip() for line in words if line.strip()]
    return said[-1] if said else f"ended with code {process.returncode}"


def spec_ways(spec: str, options: argparse.Namespace) -> list[Way]:
    """The systems that train a spec."""
    of_spec = (spec, options.device)
    found = usual_ways(("netwright_spec.py", *of_spec), lambda mode: ("torch_spec.py", *of_spec, mode), options)
    if options.ort_training and spec == ORT_TRAINING_SPEC:
        batch, every_core = "128", "0"  # those of the spec
        step = ("ort_training_step.py", "mlp", batch, every_core, options.device)
        found.append(("onnxruntime-training", options.ort_training, *step))
    return found


def network_ways(network: str, options: argparse.Namespace) -> list[Way]:
    """The systems that train a network of systems/networks.py."""
    name, _, batch = network.partition("@")
    every_core = "0"
    ours = ("netwright_step.py", name, batch, every_core, "portable", options.device)
    theirs = ("torch_step.py", name, batch, str(os.cpu_count()))
    return usual_ways(ours, lambda mode: (*theirs, mode, options.device), options)


def usual_ways(
    ours: tuple[str, ...], theirs: Callable[[str], tuple[str, ...]], options: argparse.Namespace
) -> list[Way]:
    """netwright plain and, on a GPU, recorded; PyTorch eager and compiled."""
    found: list[Way] = [("netwright", sys.executable, *ours, "plain")]
    if options.device == "cuda":
        found.append(("netwright, CUDA graph", sys.executable, *ours, "graph"))
    for label, mode in (("PyTorch eager", "eager"), ("torch.compile", "compile")):
        found.append((label, sys.executable, *theirs(mode)))
    return found


def measure(spec: str, ways: list[Way], options: argparse.Namespace) -> list[str]:
    """The rows of one spec or network."""
    started = {label: start(label, *way) for label, *way in ways if label not in options.skip}
    systems = [system for system in started.values() if isinstance(system, System)]
    meter = Meter(gpu_reader(options.device))
    for _ in range(options.rounds):
        for system in systems:
            system.turn(options.steps, meter)
    for system in systems:
        system.idle = system.ask(f"idle {options.steps}")
        system.close()
    ours = next((system for system in systems if system.label == "netwright"), None)
    return [row(spec, label, system, ours) for label, system in started.items()]


def row(spec: str, label: str, system: System | str, ours: System | None) -> str:
    """A line of the table."""
    if isinstance(system, str):
        return f"| {spec} | {label} | not measured: {system} | | | |"
    ratio = "–"
    if ours is not None:
        ratios = [mine / theirs for mine, theirs in zip(ours.turns, system.turns, strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    busy = f"{statistics.mean(system.utilisation):.0f} %" if system.utilisation else "–"
    idle = f"{system.idle:.0%}" if system.idle is not None else "–"
    return f"| {spec} | {label} | {statistics.median(system.turns):.3f} | {ratio} | {busy} | {idle} |"


def report(rows: list[str], left_out: dict[str, str], options: argparse.Namespace) -> str:
    """The Markdown file."""
    trial = "" if options.device == "cuda" else "A trial of the script on the CPU, which says nothing of a GPU. "
    lines = [
        f"{trial}Measured on {date.today():%Y-%m-%d} on {machine(options.device)}:"
        f" {options.rounds} rounds of {options.steps} steps. A ratio is netwright's time divided by the system's:"
        " median over the rounds, and range.",
        "",
        "| spec | system | ms a step | netwright / system | GPU utilisation | GPU idle between kernels |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    if left_out:
        lines += ["", "Left out: " + "; ".join(f"{spec} ({why})" for spec, why in left_out.items()) + "."]
    return "\n".join(lines) + "\n"


def machine(device: str) -> str:
    """What was measured on, for the reader of the table."""
    import importlib.metadata

    versions = []
    for package in ("netwright", "onnxruntime-gpu", "onnxruntime", "torch"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    name = f"the CPU of a {platform.machine()} machine"
    if device == "cuda":
        import torch

        name = torch.cuda.get_device_name(0)
    return f"{name}, {platform.system()}, {', '.join(versions)}"


def library_specs() -> tuple[list[str], dict[str, str]]:
    """The specs that train on data at hand, and why the others do not."""
    sys.path.insert(0, str(SYSTEMS))
    from library import load_work  # type: ignore[import-not-found]  # beside the workers
    from netwright.cli.library import library
    from netwright.compiler import SpecError
    from netwright.runtime import RuntimeProblem

    found, left_out = [], {}
    for name in library():
        with tempfile.TemporaryDirectory() as folder:
            try:
                load_work(name, Path(folder))
                found.append(name)
            except (RuntimeProblem, SpecError) as problem:
                left_out[name] = str(problem).splitlines()[0].removeprefix(f"{folder}/bundle: ")
    return found, left_out


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu only shows that the script runs")
    parser.add_argument("--output", type=Path, default=Path("cuda-results.md"), help="default: cuda-results.md")
    parser.add_argument("--ort-training", metavar="PYTHON", help="Python with onnxruntime-training")
    parser.add_argument("--spec", action="append", metavar="NAME", help="default: all whose data are at hand")
    parser.add_argument("--network", action="append", metavar="NAME@BATCH", help=f"default: {', '.join(NETWORKS)}")
    parser.add_argument("--skip", action="append", default=[], metavar="SYSTEM", help="such as torch.compile")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=64)
    options = parser.parse_args(arguments)
    if options.device == "cuda":
        from netwright.runtime import EnvironmentProblem, select

        try:
            select("cuda")
        except EnvironmentProblem as problem:
            raise SystemExit(f"{problem}\n  hint: {problem.hint}") from None
    chosen = options.spec or options.network
    specs, left_out = (options.spec or [], {}) if chosen else library_specs()
    networks = options.network or ([] if chosen else NETWORKS)
    work = [(spec, spec_ways(spec, options)) for spec in specs]
    work += [(network, network_ways(network, options)) for network in networks]
    rows: list[str] = []
    for name, ways in work:
        found = measure(name, ways, options)
        print("\n".join(found), flush=True)
        rows += found
        options.output.write_text(report(rows, left_out, options), encoding="utf-8")  # what there is, if it is stopped
    print(f"{options.output}: paste it into docs/performance.md")


if __name__ == "__main__":
    main()
