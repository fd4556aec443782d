"""Which epoch is best, and when patience runs out."""

import math

import pytest
from netwright.runtime.bundle import Bundle
from netwright.runtime.checkpoint import Best, Position
from netwright.runtime.early_stopping import EarlyStopper
from netwright.runtime.manifest import EarlyStopping, TrainingPlan


def follow(bundle: Bundle, rule: EarlyStopping | None, values: list[float], monitor: str = "loss") -> list[str]:
    """`best`, `stop`, both or neither, for each epoch."""
    stopper = EarlyStopper(bundle.manifest, TrainingPlan(10, 16, early_stopping=rule, monitor=monitor))
    position, said = Position("", 0), []
    for epoch, value in enumerate(values):
        position.epoch = epoch
        best = stopper.observe(position, {stopper.monitor: float(value)})
        said.append(" ".join(["best"] * best + ["stop"] * stopper.finished(position)))
    return said


def test_without_a_rule_nothing_stops(bundle: Bundle) -> None:
    assert follow(bundle, None, [3, 2, 2, 4, 5, 1]) == ["best", "best", "", "", "", "best"]


def test_patience_counts_epochs_without_improvement(bundle: Bundle) -> None:
    assert follow(bundle, EarlyStopping(2), [3, 2, 4, 1, 1, 1]) == ["best", "best", "", "best", "", "stop"]


def test_small_improvements_are_kept_but_do_not_renew_patience(bundle: Bundle) -> None:
    rule = EarlyStopping(2, minimum_change=0.5)
    assert follow(bundle, rule, [3.0, 2.8, 2.4, 2.3, 2.2]) == ["best", "best", "best", "best", "best stop"]


def test_a_goal_of_max(bundle: Bundle) -> None:
    assert follow(bundle, None, [0.5, 0.6, 0.4], "accuracy") == ["best", "best", ""]
    assert follow(bundle, EarlyStopping(1, "accuracy"), [0.5, 0.6, 0.4]) == ["best", "best", "stop"]


def test_nan_is_never_better(bundle: Bundle) -> None:
    assert follow(bundle, EarlyStopping(2), [math.nan, math.nan, 1.0]) == ["", "stop", "best"]


def test_the_position_remembers(bundle: Bundle) -> None:
    stopper = EarlyStopper(bundle.manifest, TrainingPlan(10, 16))
    position = Position("", 0, epoch=4)
    stopper.observe(position, {"loss": 2.0})
    assert (position.best, position.reference, position.stale) == (Best(4, 2.0), 2.0, 0)
    stopper.observe(position, {"loss": 3.0})
    assert (position.best, position.reference, position.stale) == (Best(4, 2.0), 2.0, 1)
    with pytest.raises(KeyError):
        stopper.observe(position, {})
