"""One input through the stages that a person's spec goes through, under limits of time and memory.

    load: YAML, schema, meaning → validate: network, first weights, objective → compile: every graph, as ONNX

Each ends in success or a `SpecError` with places inside the files; anything else is a finding.
"""

from __future__ import annotations

import json
import math
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest.mock import patch

from netwright.cli.failures import printable
from netwright.compiler import Spec, SpecError, check_spec, compile_spec, load_spec
from netwright.compiler.spec import installed_families, model, schema
from netwright.compiler.variables import Variables
from netwright.runtime.data.source import source_schema

from .inputs import Input
from .networks import language

SECONDS: Final = 2.0
"""Of processor time, for all stages of an input: others who use the machine do not count against it."""
MEGABYTES: Final = 500
"""Of resident memory, with Python and everything imported."""
MOST_LAYERS: Final = 200
"""Of a network that is built: the time for more of them is the time they take, and no hang."""
MOST_COMPILED: Final = (12, 20_000)
"""Layers and parameters of what is compiled, which computes the first weights."""
LONGEST_ANSWER: Final = 1_000_000
"""Characters."""

_LINE_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML takes for one."""


class TakesTooLongError(BaseException):
    """Raised where the time is up; no `except Exception` stops it."""


@dataclass(frozen=True)
class Outcome:
    """How far an input came. `stage` is the last it entered, `accepted` whether that let it pass."""

    stage: str
    accepted: bool
    seconds: float
    answer: str = ""
    """What a person would read."""
    finding: str = ""
    """What is wrong with netwright."""


class Trials:
    """Runs inputs in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._allowed = max(MEGABYTES, peak_megabytes() + MEGABYTES / 2)  # other tests of this process may need much
        self._folder = folder
        self._file = folder / "spec.yaml"
        self._families, sources = installed_families(), source_schema()
        self._data_schema = lambda named: sources if named is None else source_schema(named)
        (folder / "folder").mkdir()
        (folder / "parts.yaml").write_text("blocks: {one: [relu]}\ntraining: {loss: squared_error}\nname: parts\n")
        (folder / "broken.yaml").write_text("training: {loss: [\n")
        (folder / "circle.yaml").write_text("include: circle.yaml\n")

    def run(self, given: Input, *, compiles: bool) -> Outcome:
        """One input through load and validate, and through compile where that is asked for and affordable."""
        self._file.write_bytes(given.data)
        stage, answer, finding, accepted = "load", "", "", False
        start = time.process_time()
        try:
            with _time_limit():
                spec = load_spec(
                    self._file, families=self._families, data_schema=self._data_schema, overrides=given.overrides
                )
                accepted = True
                if len(spec.layers) <= MOST_LAYERS:
                    stage, accepted = "validate", False
                    check_spec(spec)
                    accepted = True
                if accepted and stage == "validate" and compiles and affordable(spec):
                    stage, accepted = "compile", False
                    words = {entry.name: ("word", "free") for entry in spec.layers if entry.layer.host_only}
                    compile_spec(spec, train_rows=100, vocabularies=words).models()
                    accepted = True
        except SpecError as error:
            answer = str(error)
            finding = self._judge(error)
        except TakesTooLongError:
            finding = f"takes longer than {SECONDS:g} s\n{traceback.format_exc()}"
        except Exception:
            finding = traceback.format_exc()
        seconds = time.process_time() - start
        if not finding and peak_megabytes() > self._allowed:
            finding = f"takes {peak_megabytes():.0f} MB of memory"
        return Outcome(stage, accepted, seconds, answer, finding)

    def _judge(self, error: SpecError) -> str:
        """What is wrong with an answer."""
        if not error.diagnostics:
            return "an error without a diagnostic"
        if len(str(error)) > LONGEST_ANSWER:
            return f"an answer of {len(str(error))} characters"
        for diagnostic in error.diagnostics:
            json.loads(json.dumps(diagnostic.as_json(), allow_nan=False))
            printable(str(diagnostic)).encode()
            origin = diagnostic.origin
            if not diagnostic.message or "Traceback" in diagnostic.message:
                return f"no message for a person: {diagnostic.message!r}"
            if origin.file != "--set" and not self._is_inside(origin.file, origin.line, origin.column):
                return f"a place outside the file: {origin}"
        return ""

    def _is_inside(self, file: str, line: int, column: int) -> bool:
        path = Path(file)
        if not path.is_file():
            return (line, column) == (1, 1)
        rows = _LINE_BREAK.split(path.read_bytes().decode("utf-8-sig", "replace"))
        return 1 <= line <= len(rows) + 1 and column >= 1


def affordable(spec: Spec) -> bool:
    """Whether compiling takes a fraction of a second."""
    layers, most = MOST_COMPILED
    if len(spec.layers) > layers:
        return False
    from netwright.compiler.network import build_forward

    variables = Variables()
    build_forward(spec, variables, vocabularies={e.name: ("word",) for e in spec.layers if e.layer.host_only})
    return sum(math.prod(state.shape) for state in variables.declared.values()) <= most


def peak_megabytes() -> float:
    """The most resident memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


@dataclass
class Switch:
    """Whether a spec is first held against the schema of the kinds that it names, which a program does but once."""

    named: bool = False


@contextmanager
def quick_schema() -> Iterator[Switch]:
    """Make the schema of all kinds once, and leave out that of the named kinds unless the switch says otherwise."""
    switch = Switch()
    make, words = schema.schema_without_blocks, model._words

    def once(data_schema: Any, families: Any, named: Any) -> Any:
        return language() if named is None else make(data_schema, families, named)

    def if_asked(root: Any) -> Any:
        if not switch.named:
            raise SpecError([])  # so that all kinds are looked at
        return words(root)

    with patch.object(schema, "schema_without_blocks", once), patch.object(model, "_words", if_asked):
        yield switch


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let allocations fail that go far beyond what is there already, before the machine suffers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 1_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TakesTooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
