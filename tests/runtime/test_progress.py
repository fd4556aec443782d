"""What a person sees while a run goes on."""

import io
import json
import re
from pathlib import Path

import pytest
from handmade import make_partitions
from netwright.runtime import metrics_file
from netwright.runtime.bundle import Bundle
from netwright.runtime.callbacks import EpochDone, RunStarted, StepDone
from netwright.runtime.checkpoint import Position
from netwright.runtime.errors import EnvironmentProblem
from netwright.runtime.metrics_file import MetricsFile, forget_after
from netwright.runtime.progress import Clock, PlainProgress, RichProgress, describe_metrics, terminal_progress
from netwright.runtime.summary import jsonable
from netwright.runtime.trainer import train

STARTED = RunStarted("net", "cpu", 3, 10, 1, 10, {"train": 1000, "test": 50}, 1234)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_in_a_log(bundle: Bundle, tmp_path: Path) -> None:
    stream = io.StringIO()
    train(bundle, tmp_path / "run", partitions=make_partitions(), callbacks=[terminal_progress(stream)])
    lines = stream.getvalue().splitlines()
    number = r"\d\.\d{4}"
    assert lines[0] == "handmade: 15 parameters on cpu; rows: 100 train, 40 validation, 50 test"
    assert re.fullmatch(
        rf"epoch 1/4  train: loss {number}  accuracy {number}  validation: loss {number}  accuracy {number}  "
        r"[\d,]+ rows/s  best so far  0:00:\d\d left",
        lines[1],
    )
    assert re.fullmatch(r"trained 4 epochs, 28 steps in \d+\.\d s, best epoch \d", lines[5])
    assert re.fullmatch(rf"  test:       loss {number}  accuracy {number}", lines[8])
    assert len(lines) == 9


def test_lines_inside_long_epochs() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, interval=0.0)
    progress.on_start(STARTED)
    progress.on_step(StepDone(1, 1, 11, 64, 0.5, {"accuracy": 0.25}))
    progress.on_notice("stopped early")
    started, step, notice = stream.getvalue().splitlines()
    assert started == "net: 1,234 parameters on cpu; rows: 1,000 train, 50 test, going on at epoch 2, step 10"
    assert re.fullmatch(r"epoch 2/3 step 1: loss 0\.5000  accuracy 0\.2500  \d:\d\d:\d\d left", step)
    assert notice == "stopped early"


def test_a_bar_on_a_terminal(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.runtime.progress.REFRESH_SECONDS", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = terminal_progress(stream)
    assert isinstance(progress, RichProgress)
    train(bundle, tmp_path / "run", partitions=make_partitions(), callbacks=[progress])
    text = stream.getvalue()
    for expected in ("epoch 1/4", "epoch 4/4", "accuracy", "rows/s", "left", "trained 4 epochs, 28 steps", "best so"):
        assert expected in text
    assert "\x1b[" in text


def test_a_bar_that_is_closed_before_it_started() -> None:
    progress = RichProgress(Terminal())
    progress.on_step(StepDone(0, 1, 1, 1, 0.0, {}))
    progress.on_notice("nothing to draw on")
    progress.close()


def test_small_numbers_stay_readable() -> None:
    metrics = {"loss": 1.234e-5, "zero": 0.0, "mean": 0.51239, "nothing": float("nan"), "table": [[1]]}
    assert describe_metrics(metrics) == "loss 1.23e-05  zero 0.0000  mean 0.5124  nothing nan"


def test_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("netwright.runtime.progress.time.monotonic", lambda: now[0])
    clock = Clock()
    clock.start(STARTED)
    assert clock.left() == "-:--:--"
    now[0] = 110.0
    clock.step(StepDone(1, 1, 11, 64, 0.5, {}))
    assert clock.left() == "0:03:10"  # 19 steps at 10 s
    assert clock.rate() == 6.4


def test_json_has_no_nan(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path / "m.jsonl", step_interval=1)
    file.on_epoch(EpochDone(0, 1, 1.0, 2.0, {"loss": float("nan"), "confusion": [[1, 2]]}, None, False))
    file.close()
    line = json.loads((tmp_path / "m.jsonl").read_text())
    assert line["train"] == {"loss": None, "confusion": [[1, 2]]}
    assert jsonable([float("inf"), 1.5, "x", None]) == [None, 1.5, "x", None]


def test_lines_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    lines = [
        '{"kind": "step", "epoch": 1, "step": 5}',
        '{"kind": "epoch", "epoch": 1, "step": 10}',
        '{"kind": "step", "epoch": 2, "step": 15}',
        '{"kind": "epoch", "epoch": 2, "step": 20}',
        '{"kind": "step", "epo',
    ]
    path.write_text("\n".join(lines))
    forget_after(path, Position("", 0, epoch=1, step_in_epoch=10, step=20))
    assert path.read_text().splitlines() == lines[:3]  # the second epoch's line comes again
    forget_after(path, Position("", 0, epoch=0, step=7))
    assert path.read_text().splitlines() == lines[:1]
    forget_after(tmp_path / "none.jsonl", Position("", 0))
    assert not (tmp_path / "none.jsonl").exists()


def test_a_metrics_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        MetricsFile(tmp_path / "no" / "m.jsonl")
    assert str(caught.value) == f"{tmp_path}/no/m.jsonl: cannot be written: no such file or directory"


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = MetricsFile(tmp_path / "m.jsonl", step_interval=1)

    def fail(value: object, **options: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metrics_file.json, "dumps", fail)
    with pytest.raises(EnvironmentProblem) as caught:
        file.on_step(StepDone(0, 1, 1, 1, 0.0, {}))
    file.close()
    assert str(caught.value) == f"{tmp_path}/m.jsonl: cannot be written: no space left on device"
