"""Learning rates against their formulas, and what schedules say when the length of training is not known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from netwright.compiler.errors import BuildError
from netwright.compiler.schedules import Horizon, Schedule
from support.running import Program, fixed_input

KNOWN = Horizon(steps_per_epoch=10, total_steps=100)
UNKNOWN = Horizon(steps_per_epoch=None, total_steps=None)


def rates(entry: Any, steps: range = range(120), horizon: Horizon = KNOWN) -> list[float]:
    step = fixed_input("step", np.float32(0))
    program = Program([step], [Schedule.registry.build(entry).rate(step, horizon)])
    return [float(program(np.float32(number))[0]) for number in steps]


def check(entry: Any, expected: list[float], horizon: Horizon = KNOWN) -> None:
    np.testing.assert_allclose(rates(entry, range(len(expected)), horizon), expected, rtol=1e-5, atol=1e-9)


def test_constant() -> None:
    check({"constant": 0.5}, [0.5] * 3, UNKNOWN)


@pytest.mark.parametrize("interval", [1, 3, 7, 10, 49])
def test_step_falls_after_each_interval(interval: int) -> None:
    entry = {"step": {"initial": 0.8, "factor": 0.5, "every_steps": interval}}
    check(entry, [0.8 * 0.5 ** (n // interval) for n in range(50)], UNKNOWN)


def test_step_counts_epochs() -> None:
    check({"step": {"initial": 1, "every_epochs": 2}}, [0.1 ** (n // 20) for n in range(60)])
    check({"step": {"initial": 1, "factor": 2, "every_epochs": 0.5}}, [2.0 ** (n // 5) for n in range(20)])
    check({"step": {"initial": 1, "factor": 2, "every_epochs": 0.001}}, [2.0**n for n in range(5)])


def test_step_late_in_a_long_training() -> None:
    entry = {"step": {"initial": 1, "factor": 0.5, "every_steps": 999_983}}
    edge = 7 * 999_983
    assert rates(entry, range(edge - 1, edge + 1)) == [0.5**6, 0.5**7]


def cosine(peak: float, final: float, warmup: int, total: int, count: int) -> list[float]:
    expected = []
    for n in range(count):
        t = min(1.0, (n - warmup) / (total - warmup))
        decayed = final + 0.5 * (peak - final) * (1 + math.cos(math.pi * t))
        expected.append(peak * (n + 1) / warmup if n < warmup else decayed)
    return expected


@pytest.mark.parametrize(
    ("settings", "warmup", "total"),
    [
        ({}, 0, 100),
        ({"warmup_steps": 0}, 0, 100),
        ({"warmup_steps": 25}, 25, 100),
        ({"warmup_epochs": 1.5}, 15, 100),
        ({"warmup_epochs": 0}, 0, 100),
        ({"steps": 40, "warmup_steps": 39}, 39, 40),
    ],
)
@pytest.mark.parametrize("final", [0.0, 0.01])
def test_cosine(settings: dict[str, Any], warmup: int, total: int, final: float) -> None:
    check({"cosine": {"peak": 0.3, "final": final, **settings}}, cosine(0.3, final, warmup, total, 120))


def test_cosine_ends() -> None:
    values = rates({"cosine": {"peak": 0.5, "warmup_steps": 10, "final": 0.125}})
    assert (values[9], values[10]) == (0.5, 0.5)
    assert max(values) == 0.5
    np.testing.assert_allclose(values[100:], 0.125, rtol=1e-6)
    check({"cosine": {"peak": 0.3, "steps": 50}}, cosine(0.3, 0, 0, 50, 60), UNKNOWN)


@pytest.mark.parametrize(
    ("entry", "horizon", "message", "hint", "path"),
    [
        (
            {"step": {"initial": 1}},
            KNOWN,
            "needs `every_epochs` or `every_steps`",
            "for example `every_epochs: 10`",
            (),
        ),
        (
            {"step": {"initial": 1, "every_epochs": 1, "every_steps": 1}},
            KNOWN,
            "give `every_steps` or `every_epochs`, not both",
            None,
            ("every_epochs",),
        ),
        (
            {"step": {"initial": 1, "every_epochs": 1}},
            UNKNOWN,
            "`every_epochs` needs to know how many steps an epoch has, but the size of the data is not known here",
            "give `every_steps`",
            ("every_epochs",),
        ),
        (
            {"cosine": {"peak": 1, "warmup_epochs": 1}},
            UNKNOWN,
            "`warmup_epochs` needs to know how many steps an epoch has, but the size of the data is not known here",
            "give `warmup_steps`",
            ("warmup_epochs",),
        ),
        (
            {"cosine": {"peak": 1, "warmup_epochs": 1, "warmup_steps": 1}},
            KNOWN,
            "give `warmup_steps` or `warmup_epochs`, not both",
            None,
            ("warmup_epochs",),
        ),
        (
            {"cosine": 1},
            UNKNOWN,
            "needs to know how many steps training takes, but the size of the data is not known here",
            "give `steps`",
            (),
        ),
        (
            {"cosine": {"peak": 1, "warmup_steps": 100}},
            KNOWN,
            "the warm-up of 100 steps leaves nothing of the 100 steps that the schedule lasts",
            None,
            ("warmup_steps",),
        ),
        (
            {"cosine": {"peak": 1, "warmup_epochs": 11}},
            KNOWN,
            "a warm-up of 11 epochs leaves nothing of the 10 of training",
            None,
            ("warmup_epochs",),
        ),
    ],
)
def test_messages(entry: Any, horizon: Horizon, message: str, hint: str | None, path: tuple[str, ...]) -> None:
    with pytest.raises(BuildError) as caught:
        rates(entry, range(1), horizon)
    assert (caught.value.message, caught.value.hint, caught.value.path) == (message, hint, path)
