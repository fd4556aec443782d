"""Time one training step of networks in several systems, alternately, in one run.

    python benchmarks/train_step.py [--ort-training PYTHON] [--rounds 15] [--steps 20] [mlp@64 mlp@256 lenet@64 …]

The networks (benchmarks/systems/networks.py) are given with their batch size: `mlp` 784-512-512-10, `lenet` with 32 and
64 filters of 5×5, `cifar` of five convolutions, `resnet20` at 32×32, `resnet18` at 64×64, `gpt128` and `gpt512` a
language model of four layers, 192 wide, on so many tokens; `char_lstm` of two layers of 256 on 128 characters,
`ptb_lstm` of two layers of 650 on 35 of 10,000 words, `tagger` of 128 in both directions on 25 words; all trained by
Adam.

Each system works in its own process with the same number of threads; in every round each takes its turn for some
steps, so that a drifting machine slows all of them. Printed: milliseconds a step (median of a turn; min, median and max
over the rounds) and the times of netwright's targets divided by the system's, round by round. `--ort-training` names
the Python of an environment with onnxruntime-training==1.19.2.

Then, with `--commands`, the times and peak memory of the commands a person waits for: validate, compile, and the first
training step.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEMS = HERE / "systems"
TARGETS = ("portable", "ort")


@dataclass
class System:
    """A timed system: its label, its worker process, and the median milliseconds of each of its turns."""

    label: str
    process: subprocess.Popen[str]
    turns: list[float] = field(default_factory=list)

    def turn(self, steps: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(steps, file=self.process.stdin, flush=True)
        self.turns.append(1e3 * statistics.median(json.loads(self.process.stdout.readline())))


def start(label: str, python: str, script: str, *arguments: str) -> System:
    """Start a worker and wait until it has warmed up."""
    command = [python, str(SYSTEMS / script), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            return System(label, process)
    raise SystemExit(f"{label} did not start; its command was: {' '.join(command)}")


def compare(network: str, batch: int, options: argparse.Namespace) -> None:
    common = (network, str(batch), str(options.threads))
    systems = [
        start(f"netwright, {target}", sys.executable, "netwright_step.py", *common, target) for target in TARGETS
    ]
    systems += [
        start("PyTorch eager, fused Adam", sys.executable, "torch_step.py", *common, "eager"),
        start("torch.compile", sys.executable, "torch_step.py", *common, "compile"),
    ]
    if network == "mlp":
        systems.append(start("matrix products alone", sys.executable, "torch_step.py", *common, "products"))
    if options.ort_training:
        systems.append(start("onnxruntime-training", options.ort_training, "ort_training_step.py", *common))
    for _ in range(options.rounds):
        for system in systems:
            time.sleep(0.02)  # idle threads of the one before go to sleep
            system.turn(options.steps)
    for system in systems:
        assert system.process.stdin is not None
        system.process.stdin.close()
        system.process.wait()
    print(f"\n{network}, batch {batch}, {options.threads} threads, {options.rounds} rounds of {options.steps} steps")
    ours = systems[: len(TARGETS)]
    heads = "".join(f"   {target + '/system min':>19} {'median':>7} {'max':>6}" for target in TARGETS)
    print(f"{'system':26} {'ms/step min':>11} {'median':>7} {'max':>7}{heads}")
    for system in systems:
        print(f"{system.label:26} {_spread(system.turns, 11, 7, 7)}", end="")
        for mine in ours:
            ratios = [a / b for a, b in zip(mine.turns, system.turns, strict=True)]
            print(f"   {_spread(ratios, 19, 7, 6)}", end="")
        print()


def _spread(numbers: list[float], *widths: int) -> str:
    """The least, the median and the greatest."""
    three = (min(numbers), statistics.median(numbers), max(numbers))
    return " ".join(f"{number:{width}.2f}" for number, width in zip(three, widths, strict=True))


def commands(rounds: int) -> None:
    """Wall time and peak memory of whole commands, once Python has compiled its modules, as on a person's machine."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    netwright = [sys.executable, "-m", "netwright.cli"]
    spec = "mnist_mlp"
    print(f"\n{'command':40} {'seconds min':>12} {'median':>8} {'max':>8} {'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "netwright validate mnist_mlp": [*netwright, "validate", spec],
            "netwright compile mnist_mlp": [*netwright, "compile", spec, "-o"],
            "netwright train digits_mlp, 1 epoch": [
                *netwright, "train", "digits_mlp", "--set", "training.epochs=1", "--device", "cpu", "-o",
            ],
        }  # fmt: skip
        for label, command in rows.items():
            seconds, memory = [], []
            for index in range(-1, rounds):
                place = [str(Path(folder) / f"{label.split()[1]}{index}")] if command[-1] == "-o" else []
                began = time.perf_counter()
                process = subprocess.Popen([*command, *place], **quiet)
                _, status, usage = os.wait4(process.pid, 0)
                if status:
                    raise SystemExit(f"'{' '.join(command)}' failed")
                if index >= 0:
                    seconds.append(time.perf_counter() - began)
                    memory.append(usage.ru_maxrss / 1024)
            low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
            print(f"{label:40} {low:12.2f} {middle:8.2f} {high:8.2f} {max(memory):9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ort-training", metavar="PYTHON", help="Python with onnxruntime-training==1.19.2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--commands", action="store_true", help="time the commands as well")
    parser.add_argument("networks", nargs="*", default=["mlp@64", "mlp@256"], metavar="NETWORK@BATCH")
    options = parser.parse_args()
    for item in options.networks:
        network, _, batch = item.partition("@")
        compare(network, int(batch), options)
    if options.commands:
        commands(5)


if __name__ == "__main__":
    main()
