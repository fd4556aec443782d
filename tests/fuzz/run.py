"""Fuzz for long: `python tests/fuzz/run.py --inputs 1000000 --seed 7`. Prints what was run, and every finding.

One input again: `python tests/fuzz/run.py --seed 7 --only 12345`. Findings are written to the folder `--keep`.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.inputs import Input, make
from fuzz.trial import Outcome, Trials, limited_memory, peak_megabytes, quick_schema

SHARE_COMPILED = 20
"""One valid input in so many is compiled, by its number."""
SHARE_NAMED = 8
"""One input in so many is also held against the schema of the kinds that it names alone, as the command line does."""

_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a file costs no disk."""


@dataclass
class Report:
    """What a run came to."""

    seed: int
    inputs: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    reached: collections.Counter[str] = field(default_factory=collections.Counter)
    """`network: validate accepted` and the like -> inputs."""
    slowest: tuple[float, int] = (0.0, -1)
    findings: dict[str, list[int]] = field(default_factory=dict)
    """The last line of what went wrong -> the numbers of the inputs."""
    late: collections.Counter[str] = field(default_factory=collections.Counter)
    """What `compile` refused after `validate` had found nothing -> how often."""

    def add(self, number: int, given: Input, outcome: Outcome) -> None:
        self.inputs += 1
        self.processor_seconds += outcome.seconds
        verdict = "accepted" if outcome.accepted else "refused"
        self.reached[f"{given.kind}: {outcome.stage} {verdict}"] += 1
        self.slowest = max(self.slowest, (outcome.seconds, number))
        if outcome.finding:
            self.findings.setdefault(outcome.finding.strip().splitlines()[-1][:200], []).append(number)
        if outcome.stage == "compile" and not outcome.accepted:
            self.late[outcome.answer.partition(": ")[2][:200]] += 1

    def total(self, what: str) -> int:
        return sum(count for key, count in self.reached.items() if what in key)

    def text(self) -> str:
        rate = self.inputs / self.seconds if self.seconds else 0.0
        lines = [
            f"seed {self.seed}: {self.inputs:,} inputs in {self.seconds:,.0f} s ({rate:,.0f} a second; "
            f"{1e3 * self.processor_seconds / max(1, self.inputs):.2f} ms of processor time each)",
            f"  refused by load {self.total('load refused'):,}, by validate {self.total('validate refused'):,}; "
            f"valid {self.total('accepted') + self.total('compile refused'):,}, of which compiled "
            f"{self.total('compile accepted'):,} and refused by compile {self.total('compile refused'):,}",
            f"  slowest {self.slowest[0]:.2f} s (input {self.slowest[1]}), peak memory {peak_megabytes():.0f} MB",
            *(f"  {key}: {count:,}" for key, count in sorted(self.reached.items())),
            *(f"  late: {count} × {message}" for message, count in self.late.most_common(20)),
            f"  findings: {sum(map(len, self.findings.values()))}",
        ]
        lines += [
            f"    {len(n)} × {what}  (such as --seed {self.seed} --only {n[0]})" for what, n in self.findings.items()
        ]
        return "\n".join(lines)


def fuzz(seed: int, count: int, *, first: int = 0, seconds: float = float("inf"), keep: Path | None = None) -> Report:
    """Run inputs `first` … of a seed, `count` of them or as many as fit in the time."""
    report = Report(seed)
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="netwright-fuzz-", dir=_MEMORY) as folder,
        quick_schema() as switch,
        limited_memory(),
    ):
        trials = Trials(Path(folder))
        for number in range(first, first + count):
            given = make(seed, number)
            switch.named = number % SHARE_NAMED == 0
            outcome = trials.run(given, compiles=number % SHARE_COMPILED == 0)
            report.add(number, given, outcome)
            if outcome.finding and keep is not None:
                _keep(keep / f"{seed}-{number}", given, outcome)
            report.seconds = time.monotonic() - start
            if report.seconds > seconds:
                break
            if keep is not None and number % 5000 == 0:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}.report").write_text(report.text() + "\n")
    return report


def _keep(stem: Path, given: Input, outcome: Outcome) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".yaml").write_bytes(given.data)
    stem.with_suffix(".txt").write_text(f"--set {json.dumps(given.overrides)}\n{outcome.finding}\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    parser.add_argument("--only", type=int, help="run this input alone, and print it")
    parser.add_argument("--keep", type=Path, help="a folder for findings and the report so far")
    given = parser.parse_args()
    if given.only is not None:
        sys.stdout.buffer.write(make(given.seed, given.only).data + b"\n")
        print("--set", make(given.seed, given.only).overrides)
    count, first = (1, given.only) if given.only is not None else (given.inputs, 0)
    report = fuzz(given.seed, count, first=first, seconds=given.seconds, keep=given.keep)
    print(report.text())
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
