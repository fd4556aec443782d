"""Fuzzing at the size of a test: new inputs every day, and everything that earlier runs found.

A run of other length: `python tests/fuzz/run.py --inputs 1000000 --seed 7`.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.inputs import CORPUS, Input, make
from fuzz.run import fuzz
from fuzz.trial import Trials, quick_schema

INPUTS = 1_500
SEED = int(os.environ.get("NETWRIGHT_FUZZ_SEED") or f"{datetime.datetime.now(datetime.UTC):%Y%m%d}")
"""That of the day, so that CI sees new inputs; a variable repeats those of another."""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    with quick_schema():
        yield Trials(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_was_found_once_stays_mended(path: Path, trials: Trials) -> None:
    outcome = trials.run(Input("corpus", path.read_bytes()), compiles=True)
    assert not outcome.finding, outcome.finding


def test_todays_inputs() -> None:
    report = fuzz(SEED, INPUTS, seconds=40)
    assert not report.findings, report.text()
    assert report.inputs == INPUTS or report.seconds > 40
    assert report.total("load refused") > report.inputs / 2
    assert report.total("accepted") > report.inputs / 100


def test_a_seed_repeats_its_inputs() -> None:
    assert [make(7, number) for number in range(40)] == [make(7, number) for number in range(40)]
    assert make(7, 1) != make(8, 1)


def test_a_hang_and_a_crash_are_findings(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    from fuzz import trial

    good = Input("test", b"netwright: 1\ninputs: {x: [2]}\nnetwork: [{dense: 3}]\n")
    assert trials.run(good, compiles=True).stage == "compile"

    def crash(spec: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(trial, "check_spec", crash)
    assert trials.run(good, compiles=True).finding.endswith("KeyError: 'planted'\n")

    def hang(spec: object) -> None:
        while True:
            pass

    monkeypatch.setattr(trial, "check_spec", hang)
    monkeypatch.setattr(trial, "SECONDS", 0.05)
    assert trials.run(good, compiles=True).finding.startswith("takes longer than 0.05 s")

    monkeypatch.setattr(trial, "check_spec", lambda spec: None)
    monkeypatch.setattr(trial, "SECONDS", 2.0)
    monkeypatch.setattr(trial, "peak_megabytes", lambda: 1e6)
    assert "MB of memory" in trials.run(good, compiles=False).finding
